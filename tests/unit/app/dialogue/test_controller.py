"""What the dialogue does, event by event."""

from __future__ import annotations

import pytest

from app.dialogue.controller import step
from app.dialogue.effects import (
    ArmDeadline,
    CancelGeneration,
    CommitHeard,
    CommitUserTurn,
    Duck,
    Effect,
    FadeAndFlush,
    FinishHearing,
    ForgetTurn,
    HardFlush,
    Hold,
    OpenTurn,
    PlayReply,
    ReportError,
    RestartModel,
    Resume,
    SetMicrophone,
    StartGeneration,
)
from app.dialogue.events import (
    DeadlineKind,
    DeadlineReached,
    DialogueEvent,
    DuplexPrediction,
    EchoConvergenceChanged,
    GenerationEnded,
    GenerationFailed,
    MicrophoneSwitched,
    ModeChosen,
    ModelReady,
    PlaybackEnded,
    PlaybackProgressed,
    PlaybackStarted,
    SpeechEnded,
    SpeechStarted,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextSubmitted,
    TranscriptPartial,
    TurnTranscribed,
    WorkerFailed,
)
from app.dialogue.state import DialogueRules, DialogueState, Phase
from audio_io.events import PlayoutReport
from model.types import CancelReason, TurnKey

RULES = DialogueRules(stop_phrases=("stop", "wait"), backchannels=("mm-hm", "yeah"))
TURN_OVER = DuplexPrediction(2.0, p_end_of_turn=0.9)


class Talk:
    """A dialogue under test: feeds events, remembers all effects."""

    def __init__(self, rules: DialogueRules = RULES) -> None:
        self.rules = rules
        self.state = DialogueState()
        self.all: list[Effect] = []
        self.feed(ModelReady("scripted", 24_000, (), 0.1), EchoConvergenceChanged(True))

    def feed(self, *events: DialogueEvent) -> list[Effect]:
        """Returns the effects of these events."""
        found: list[Effect] = []
        for event in events:
            self.state, effects = step(self.state, event, self.rules)
            found.extend(effects)
        self.all.extend(found)
        return found

    def until_prepared(self, text: str = "what time is it") -> list[Effect]:
        effects = self.feed(SpeechStarted(1.0, 1.1), SpeechEnded(2.0, 2.2))
        return effects + self.feed(self.words(text))

    def until_speaking(self) -> int:
        self.until_prepared()
        self.feed(TURN_OVER)
        live = self.state.live
        assert live is not None
        self.feed(PlaybackStarted(live.generation, 3.0))
        assert self.state.phase is Phase.SPEAKING
        return live.generation

    def until_overlap(self) -> int:
        generation = self.until_speaking()
        self.feed(SpeechStarted(5.0, 5.1))
        assert self.state.phase is Phase.OVERLAP
        return generation

    def words(self, text: str | None) -> TurnTranscribed:
        assert self.state.turn is not None
        return TurnTranscribed(self.state.turn.key, text, "en", 0.2)

    def deadline(self, kind: DeadlineKind) -> DeadlineReached:
        token = next(token for armed, token in self.state.armed if armed is kind)
        return DeadlineReached(kind, token)


def kinds(effects: list[Effect]) -> list[type]:
    return [type(effect) for effect in effects]


def ended(generation: int, heard: int, *, was_cut: bool = False) -> PlaybackEnded:
    return PlaybackEnded(PlayoutReport(generation, heard * 100, heard, was_cut, False, 6.0), 6.0)


# -- taking turns ------------------------------------------------------------------------------


def test_a_pause_prepares_a_reply_that_stays_silent() -> None:
    talk = Talk()
    effects = talk.until_prepared()
    assert StartGeneration(1, TurnKey(1), "what time is it") in effects
    assert PlayReply not in kinds(effects)
    assert talk.state.phase is Phase.LISTENING


def test_the_end_of_the_turn_releases_what_was_prepared() -> None:
    talk = Talk()
    talk.until_prepared()
    effects = talk.feed(TURN_OVER)
    assert CommitUserTurn(TurnKey(1), "what time is it") in effects
    assert PlayReply(1, TurnKey(1)) in effects
    assert StartGeneration not in kinds(effects)
    assert talk.state.phase is Phase.THINKING


def test_words_that_come_after_the_decision_start_the_reply() -> None:
    talk = Talk()
    talk.feed(SpeechStarted(1.0, 1.1), SpeechEnded(2.0, 2.2), TURN_OVER)
    assert talk.state.phase is Phase.THINKING
    effects = talk.feed(talk.words("hello"))
    assert kinds(effects) == [StartGeneration, CommitUserTurn, PlayReply]


def test_going_on_after_a_pause_cancels_the_prepared_reply_and_keeps_the_turn() -> None:
    talk = Talk()
    talk.until_prepared()
    effects = talk.feed(SpeechStarted(2.5, 2.6))
    assert CancelGeneration(1, CancelReason.USER_RESUMED) in effects
    assert OpenTurn(TurnKey(1, 1), 2.5) in effects


def test_words_of_an_older_revision_are_dropped() -> None:
    talk = Talk()
    talk.feed(SpeechStarted(1.0, 1.1), SpeechEnded(2.0, 2.2))
    stale = talk.words("half a sentence")
    talk.feed(SpeechStarted(2.5, 2.6))
    assert talk.feed(stale) == []


def test_silence_for_long_enough_ends_the_turn_without_any_prediction() -> None:
    talk = Talk()
    talk.until_prepared()
    talk.feed(talk.deadline(DeadlineKind.ENDPOINT))
    assert talk.state.phase is Phase.THINKING


def test_the_silence_limit_counts_from_the_last_voice() -> None:
    talk = Talk()
    effects = talk.feed(SpeechStarted(1.0, 1.1), SpeechEnded(2.0, 2.2))
    (armed,) = (effect for effect in effects if isinstance(effect, ArmDeadline))
    assert armed.kind is DeadlineKind.ENDPOINT
    assert abs(armed.after_ms - 2800.0) < 1e-6, "200 of 3000 ms have passed"


def test_a_deadline_that_was_disarmed_does_nothing() -> None:
    talk = Talk()
    talk.until_prepared()
    deadline = talk.deadline(DeadlineKind.ENDPOINT)
    talk.feed(SpeechStarted(2.5, 2.6))
    assert talk.feed(deadline) == []
    assert talk.state.phase is Phase.LISTENING


def test_a_sound_without_words_is_no_turn() -> None:
    talk = Talk()
    effects = talk.until_prepared("")
    assert ForgetTurn(TurnKey(1)) in effects
    assert talk.feed(TURN_OVER) == []


def test_a_prediction_while_the_user_speaks_ends_no_turn() -> None:
    talk = Talk()
    talk.feed(SpeechStarted(1.0, 1.1), TURN_OVER)
    assert talk.state.phase is Phase.LISTENING


def test_speaking_again_before_the_reply_sounds_takes_it_back() -> None:
    talk = Talk()
    talk.until_prepared()
    talk.feed(TURN_OVER)
    effects = talk.feed(SpeechStarted(2.5, 2.6))
    assert CancelGeneration(1, CancelReason.USER_RESUMED) in effects
    assert OpenTurn(TurnKey(1, 1), 2.5) in effects
    assert talk.state.phase is Phase.LISTENING


def test_without_speculation_the_reply_starts_at_the_end_of_the_turn() -> None:
    talk = Talk(DialogueRules(is_speculative=False))
    assert StartGeneration not in kinds(talk.until_prepared())
    assert StartGeneration in kinds(talk.feed(TURN_OVER))


# -- overlap -----------------------------------------------------------------------------------


def test_a_voice_over_the_reply_ducks_it_and_is_heard() -> None:
    talk = Talk()
    generation = talk.until_speaking()
    effects = talk.feed(SpeechStarted(5.0, 5.1))
    assert Duck(generation) in effects
    assert OpenTurn(TurnKey(2), 5.0) in effects
    armed = next(effect for effect in effects if isinstance(effect, ArmDeadline))
    assert armed.kind is DeadlineKind.OVERLAP
    assert abs(armed.after_ms - 600.0) < 1e-6, "700 ms from the onset, 100 of them have passed"


def test_before_the_canceller_has_converged_a_voice_does_not_duck() -> None:
    talk = Talk()
    talk.until_speaking()
    talk.feed(EchoConvergenceChanged(False))
    assert talk.feed(SpeechStarted(5.0, 5.1)) == [OpenTurn(TurnKey(2), 5.0)], "only listens"
    effects = talk.feed(DuplexPrediction(5.4, p_interruption=0.95))
    assert FadeAndFlush in kinds(effects), "a sure interruption still counts"


def test_before_the_canceller_has_converged_a_voice_above_the_echo_holds_the_reply() -> None:
    talk = Talk()
    generation = talk.until_speaking()
    talk.feed(EchoConvergenceChanged(False), SpeechStarted(5.0, 5.1))
    effects = talk.feed(DuplexPrediction(5.3, p_interruption=0.6))
    assert Hold(generation) in effects
    assert ArmDeadline in kinds(effects), "it does not stay silent for ever"
    assert talk.state.phase is Phase.OVERLAP
    assert Resume(generation) in talk.feed(DuplexPrediction(5.5, p_noise=0.8))


def test_a_voice_that_only_the_predictor_hears_holds_the_reply_before_it_cuts() -> None:
    talk = Talk()
    generation = talk.until_speaking()
    assert FadeAndFlush not in kinds(talk.feed(DuplexPrediction(5.2, p_interruption=0.9)))
    assert Hold(generation) in talk.all
    assert talk.state.phase is Phase.OVERLAP
    assert talk.state.turn is not None, "its words are listened to"


def test_who_goes_on_acknowledging_is_given_more_time_but_not_for_ever() -> None:
    talk = Talk()
    talk.until_overlap()
    turn = talk.state.turn
    assert turn is not None
    talk.feed(TranscriptPartial(turn.key.turn, "Yeah, yeah", 5.5))
    assert FadeAndFlush not in kinds(talk.feed(talk.deadline(DeadlineKind.OVERLAP)))
    assert talk.state.phase is Phase.OVERLAP
    assert FadeAndFlush in kinds(talk.feed(talk.deadline(DeadlineKind.OVERLAP)))


def test_an_acknowledgement_that_turns_into_more_gets_no_more_time() -> None:
    talk = Talk()
    talk.until_overlap()
    turn = talk.state.turn
    assert turn is not None
    talk.feed(TranscriptPartial(turn.key.turn, "Yeah", 5.5))
    talk.feed(TranscriptPartial(turn.key.turn, "Yeah but what", 5.9))
    assert FadeAndFlush in kinds(talk.feed(talk.deadline(DeadlineKind.OVERLAP)))


def test_a_misheard_stop_word_over_the_reply_stops_it() -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(SpeechEnded(5.3, 5.5))
    assert FadeAndFlush in kinds(talk.feed(talk.words("Top.")))
    assert talk.state.turn is None, "an order wants no answer"


def test_a_misheard_stop_word_stops_a_reply_that_has_gone_on_meanwhile() -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(SpeechEnded(5.3, 5.5), DuplexPrediction(5.6, p_noise=0.9))
    assert talk.state.phase is Phase.SPEAKING
    assert FadeAndFlush in kinds(talk.feed(talk.words("Stomp.")))
    assert talk.state.turn is None


def test_a_single_unknown_word_over_the_reply_takes_the_floor() -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(SpeechEnded(5.3, 5.5))
    assert FadeAndFlush in kinds(talk.feed(talk.words("Snowboy.")))
    assert talk.state.owes_reply


def test_a_single_word_that_sounded_like_an_acknowledgement_is_a_misread_one() -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(SpeechEnded(5.3, 5.5), DuplexPrediction(5.6, p_backchannel=0.7))
    assert talk.state.phase is Phase.SPEAKING
    assert FadeAndFlush not in kinds(talk.feed(talk.words("Knowing,")))
    assert talk.state.turn is None


def test_a_stop_word_that_only_the_predictor_hears_stops_the_reply() -> None:
    talk = Talk()
    talk.until_speaking()
    stop = DuplexPrediction(5.2, p_interruption=1.0, is_stop_word=True)
    assert FadeAndFlush in kinds(talk.feed(stop))


@pytest.mark.parametrize(
    ("text", "is_answered"), [("Go.", False), ("", False), ("No, what about Rome?", True)]
)
def test_what_sounded_like_a_stop_word_wants_an_answer_only_if_more_was_said(
    text: str, is_answered: bool
) -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(DuplexPrediction(5.2, p_interruption=1.0, is_stop_word=True), SpeechEnded(5.3, 5.5))
    talk.feed(talk.words(text))
    assert (talk.state.turn is not None) is is_answered


def test_before_the_canceller_has_converged_only_a_stop_phrase_counts_of_short_words() -> None:
    for text, stops in (("what about tomorrow", False), ("Stop!", True)):
        talk = Talk()
        talk.until_speaking()
        talk.feed(EchoConvergenceChanged(False), SpeechStarted(5.0, 5.1), SpeechEnded(5.4, 5.6))
        assert (FadeAndFlush in kinds(talk.feed(talk.words(text)))) is stops
        assert talk.state.turn is None, "neither is a turn to answer"


def test_evidence_of_an_interruption_first_holds_then_cuts() -> None:
    talk = Talk()
    generation = talk.until_overlap()
    assert talk.feed(DuplexPrediction(5.2, p_interruption=0.6)) == [Hold(generation)]
    assert talk.feed(DuplexPrediction(5.3, p_interruption=0.65)) == [], "held once"
    effects = talk.feed(DuplexPrediction(5.4, p_interruption=0.9))
    assert CancelGeneration(generation, CancelReason.BARGE_IN) in effects
    assert FadeAndFlush(generation) in effects
    assert talk.state.phase is Phase.YIELDING
    assert talk.state.owes_reply


def test_a_backchannel_does_not_stop_the_reply() -> None:
    talk = Talk()
    generation = talk.until_overlap()
    assert Resume(generation) in talk.feed(DuplexPrediction(5.4, p_backchannel=0.7))
    assert talk.state.phase is Phase.SPEAKING
    talk.feed(SpeechEnded(5.4, 5.6))
    assert talk.feed(talk.words("Yeah.")) == [ForgetTurn(TurnKey(2))]
    assert talk.state.phase is Phase.SPEAKING


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("Stop.", Phase.YIELDING),
        ("what about tomorrow", Phase.YIELDING),
        ("Oh", Phase.SPEAKING),
        ("", Phase.SPEAKING),
    ],
)
def test_words_that_come_after_the_reply_went_on_may_still_cut_it(text: str, phase: Phase) -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(DuplexPrediction(5.4, p_backchannel=0.7), SpeechEnded(5.4, 5.6))
    talk.feed(talk.words(text))
    assert talk.state.phase is phase


def test_an_acknowledgement_at_the_end_of_a_reply_gets_no_answer() -> None:
    talk = Talk()
    generation = talk.until_overlap()
    talk.feed(SpeechEnded(5.4, 5.6), ended(generation, 20))
    talk.feed(talk.words("Yeah."))
    assert talk.feed(TURN_OVER) == []
    assert not talk.state.owes_reply


def test_backchannel_words_do_not_stop_the_reply() -> None:
    talk = Talk()
    generation = talk.until_overlap()
    talk.feed(SpeechEnded(5.3, 5.5))
    assert Resume(generation) in talk.feed(talk.words("Yeah, mm-hm."))


def test_other_words_stop_it() -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(SpeechEnded(5.3, 5.5))
    talk.feed(talk.words("what about tomorrow"))
    assert talk.state.phase is Phase.YIELDING


def test_a_stop_word_stops_whatever_else_is_true() -> None:
    talk = Talk()
    talk.until_overlap()
    effects = talk.feed(DuplexPrediction(5.3, p_backchannel=0.9, is_stop_word=True))
    assert FadeAndFlush in kinds(effects)


def test_a_turn_that_was_only_a_stop_word_gets_no_answer() -> None:
    talk = Talk()
    generation = talk.until_overlap()
    talk.feed(DuplexPrediction(5.3, is_stop_word=True), SpeechEnded(5.5, 5.7))
    effects = talk.feed(talk.words("Stop."), ended(generation, 5, was_cut=True))
    assert StartGeneration not in kinds(effects)
    assert talk.state.phase is Phase.LISTENING
    assert not talk.state.owes_reply


def test_at_the_deadline_a_speaking_user_gets_the_floor() -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(talk.deadline(DeadlineKind.OVERLAP))
    assert talk.state.phase is Phase.YIELDING


def test_at_the_deadline_a_quiet_overlap_waits_once_for_its_words() -> None:
    talk = Talk()
    generation = talk.until_overlap()
    talk.feed(SpeechEnded(5.2, 5.4))
    assert kinds(talk.feed(talk.deadline(DeadlineKind.OVERLAP))) == [ArmDeadline]
    assert talk.state.phase is Phase.OVERLAP
    assert Resume(generation) in talk.feed(talk.deadline(DeadlineKind.OVERLAP))


def test_an_interruption_is_answered_after_the_reply_was_committed() -> None:
    talk = Talk()
    generation = talk.until_overlap()
    talk.feed(DuplexPrediction(5.4, p_interruption=0.9), SpeechEnded(6.0, 6.2))
    talk.feed(talk.words("no the other one"))
    effects = talk.feed(ended(generation, 12, was_cut=True))
    assert kinds(effects)[0] is CommitHeard
    assert StartGeneration(2, TurnKey(2), "no the other one") in effects
    talk.feed(TURN_OVER)
    assert talk.state.phase is Phase.THINKING


def test_a_reply_that_ends_during_the_overlap_leaves_the_user_with_a_turn() -> None:
    talk = Talk()
    generation = talk.until_overlap()
    talk.feed(ended(generation, 20), SpeechEnded(6.0, 6.2), talk.words("and now"))
    talk.feed(TURN_OVER)
    assert talk.state.phase is Phase.THINKING


def test_barge_in_can_be_switched_off() -> None:
    talk = Talk(DialogueRules(allows_barge_in=False))
    talk.until_speaking()
    talk.feed(SpeechStarted(5.0, 5.1), DuplexPrediction(5.4, p_interruption=0.99))
    assert talk.state.phase is Phase.SPEAKING


# -- what was heard ----------------------------------------------------------------------------


def test_a_reply_nobody_heard_is_not_committed() -> None:
    talk = Talk()
    talk.until_prepared()
    talk.feed(TURN_OVER, SpeechStarted(2.4, 2.5))
    assert CommitHeard not in kinds(talk.feed(ended(1, 0, was_cut=True)))


def test_a_word_that_slipped_out_before_the_reply_was_taken_back_is_committed() -> None:
    talk = Talk()
    talk.until_prepared()
    talk.feed(TURN_OVER, SpeechStarted(2.4, 2.5))
    assert CommitHeard in kinds(talk.feed(ended(1, 3, was_cut=True)))


def test_a_stuck_device_is_flushed_and_what_was_told_is_committed() -> None:
    talk = Talk()
    generation = talk.until_speaking()
    talk.feed(PlaybackProgressed(generation, 7, 4.0), StopRequested())
    effects = talk.feed(talk.deadline(DeadlineKind.YIELD))
    assert HardFlush(generation) in effects
    commit = next(effect for effect in effects if isinstance(effect, CommitHeard))
    assert commit.report.heard_text_end == 7
    assert talk.state.phase is Phase.LISTENING
    assert CommitHeard not in kinds(talk.feed(ended(generation, 9, was_cut=True)))


# -- hands -------------------------------------------------------------------------------------


def test_the_stop_button_cuts_the_reply_and_owes_nothing() -> None:
    talk = Talk()
    generation = talk.until_speaking()
    effects = talk.feed(StopRequested())
    assert CancelGeneration(generation, CancelReason.USER_STOP) in effects
    talk.feed(ended(generation, 5, was_cut=True))
    assert talk.state.phase is Phase.LISTENING
    assert not talk.state.owes_reply


def test_push_to_talk_opens_the_microphone_and_answers_on_release() -> None:
    talk = Talk()
    assert SetMicrophone(False) in talk.feed(ModeChosen(False))
    effects = talk.feed(TalkPressed())
    assert SetMicrophone(True) in effects
    assert OpenTurn(TurnKey(1), None) in effects
    effects = talk.feed(TalkReleased())
    assert FinishHearing(TurnKey(1)) in effects
    assert SetMicrophone(False) in effects
    assert talk.state.phase is Phase.THINKING


def test_push_to_talk_interrupts_at_once() -> None:
    talk = Talk()
    generation = talk.until_speaking()
    assert FadeAndFlush(generation) in talk.feed(TalkPressed())
    talk.feed(TalkReleased(), ended(generation, 5, was_cut=True), talk.words("go on"))
    assert talk.state.phase is Phase.THINKING


def test_in_push_to_talk_nothing_is_heard_by_itself() -> None:
    talk = Talk()
    talk.feed(ModeChosen(False))
    assert talk.feed(SpeechStarted(1.0, 1.1), SpeechEnded(2.0, 2.2), TURN_OVER) == []


def test_the_microphone_button_closes_it() -> None:
    assert Talk().feed(MicrophoneSwitched(False)) == [SetMicrophone(False)]


def test_typed_text_is_answered_like_speech() -> None:
    talk = Talk()
    effects = talk.feed(TextSubmitted("  hello  "))
    assert kinds(effects)[-3:] == [StartGeneration, CommitUserTurn, PlayReply]
    assert CommitUserTurn(TurnKey(1), "hello") in effects


def test_typed_text_interrupts_and_is_answered_next() -> None:
    talk = Talk()
    generation = talk.until_speaking()
    assert FadeAndFlush(generation) in talk.feed(TextSubmitted("never mind"))
    assert PlayReply in kinds(talk.feed(ended(generation, 5, was_cut=True)))


def test_speech_after_a_typed_turn_is_a_turn_of_its_own() -> None:
    talk = Talk()
    talk.feed(TextSubmitted("hello"))
    assert OpenTurn(TurnKey(2), 1.0) in talk.feed(SpeechStarted(1.0, 1.1))


# -- failures ----------------------------------------------------------------------------------


def test_a_failed_reply_is_reported_and_the_dialogue_listens_again() -> None:
    talk = Talk()
    talk.until_prepared()
    talk.feed(TURN_OVER)
    assert ReportError in kinds(talk.feed(GenerationFailed(1, "out of memory")))
    assert talk.state.phase is Phase.LISTENING


def test_an_empty_prepared_reply_is_tried_again_at_the_end_of_the_turn() -> None:
    talk = Talk()
    talk.until_prepared()
    talk.feed(GenerationEnded(1, 0, False, 0.1))
    effects = talk.feed(TURN_OVER)
    assert StartGeneration(2, TurnKey(1), "what time is it") in effects


def test_a_worker_that_dies_while_thinking_is_restarted_and_the_turn_is_answered() -> None:
    talk = Talk()
    talk.until_prepared()
    talk.feed(TURN_OVER)
    assert RestartModel in kinds(talk.feed(WorkerFailed("model", "killed")))
    assert talk.state.phase is Phase.STARTING
    effects = talk.feed(ModelReady("scripted", 24_000, (), 0.1))
    assert any(isinstance(e, StartGeneration) and e.user_text == "what time is it" for e in effects)
    assert talk.state.phase is Phase.THINKING


def test_a_worker_that_dies_during_a_reply_does_not_silence_what_was_made() -> None:
    talk = Talk()
    generation = talk.until_speaking()
    effects = talk.feed(WorkerFailed("model", "killed"))
    assert FadeAndFlush not in kinds(effects)
    talk.feed(ended(generation, 5))
    assert talk.state.phase is Phase.STARTING


# -- turns that are answered by ear ------------------------------------------------------------


def _asked_by_ear() -> Talk:
    talk = Talk()
    talk.feed(SpeechStarted(0.5, 0.6), SpeechEnded(1.5, 1.7))
    talk.feed(TurnTranscribed(TurnKey(1), None, "en", 0.0), TURN_OVER)
    assert talk.state.phase is Phase.THINKING
    assert not any(isinstance(effect, CommitUserTurn) for effect in talk.all)
    return talk


def test_a_turn_answered_by_ear_is_kept_once_its_words_are_written_down() -> None:
    talk = _asked_by_ear()
    effects = talk.feed(TurnTranscribed(TurnKey(1), "how are you", "en", 0.2))
    assert effects == [CommitUserTurn(TurnKey(1), "how are you")]


def test_words_that_come_while_the_answer_is_heard_are_kept_too() -> None:
    talk = _asked_by_ear()
    talk.feed(PlaybackStarted(1, 2.0))
    effects = talk.feed(TurnTranscribed(TurnKey(1), "how are you", "en", 0.2))
    assert effects == [CommitUserTurn(TurnKey(1), "how are you")]
    assert talk.state.phase is Phase.SPEAKING


def test_words_that_come_after_the_answer_are_kept_too() -> None:
    talk = _asked_by_ear()
    report = PlayoutReport(1, 4_000, 5, False, False, 2.2)
    talk.feed(PlaybackStarted(1, 2.0), PlaybackEnded(report, 2.3))
    effects = talk.feed(TurnTranscribed(TurnKey(1), "how are you", "en", 0.2))
    assert effects == [CommitUserTurn(TurnKey(1), "how are you")]
    assert talk.feed(TurnTranscribed(TurnKey(1), "how are you", "en", 0.2)) == []


def test_words_of_a_turn_that_was_taken_back_are_not_kept() -> None:
    talk = _asked_by_ear()
    talk.feed(SpeechStarted(1.8, 1.9))
    assert talk.feed(TurnTranscribed(TurnKey(1), "how are", "en", 0.2)) == []


def test_words_that_come_before_the_turn_is_over_are_kept_with_it() -> None:
    talk = Talk()
    talk.feed(SpeechStarted(0.5, 0.6), SpeechEnded(1.5, 1.7))
    talk.feed(TurnTranscribed(TurnKey(1), None, "en", 0.0))
    assert talk.feed(TurnTranscribed(TurnKey(1), "how are you", "en", 0.2)) == []
    assert CommitUserTurn(TurnKey(1), "how are you") in talk.feed(TURN_OVER)


def test_a_stop_phrase_that_is_written_down_late_is_obeyed() -> None:
    talk = _asked_by_ear()
    effects = talk.feed(TurnTranscribed(TurnKey(1), "stop", "en", 0.2))
    assert any(isinstance(effect, CancelGeneration) for effect in effects)
    assert talk.state.phase is Phase.LISTENING


def test_late_words_of_nothing_change_nothing() -> None:
    talk = _asked_by_ear()
    assert talk.feed(TurnTranscribed(TurnKey(1), "", "en", 0.2)) == []
    assert talk.feed(TurnTranscribed(TurnKey(7), "who is this", "en", 0.2)) == []


def test_a_voice_that_sounds_like_nobodys_gets_no_floor_by_going_on() -> None:
    talk = Talk()
    generation = talk.until_overlap()
    talk.feed(DuplexPrediction(5.3, p_interruption=0.1, p_noise=0.5))
    assert Resume(generation) in talk.feed(talk.deadline(DeadlineKind.OVERLAP))
    assert talk.state.phase is Phase.SPEAKING


@pytest.mark.parametrize(
    ("text", "cuts"), [("That's it.", False), ("No, what about Rome then?", True)]
)
def test_a_few_words_of_what_sounded_like_nobodys_are_a_misread_echo(text: str, cuts: bool) -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(DuplexPrediction(5.3, p_noise=0.9), SpeechEnded(5.3, 5.5))
    assert (FadeAndFlush in kinds(talk.feed(talk.words(text)))) is cuts


def test_a_few_words_after_an_acknowledgement_take_the_floor() -> None:
    talk = Talk()
    talk.until_overlap()
    talk.feed(DuplexPrediction(5.3, p_backchannel=0.9), SpeechEnded(5.3, 5.5))
    assert FadeAndFlush in kinds(talk.feed(talk.words("Yes, but why?")))
