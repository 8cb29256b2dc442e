"""The shell around the state machine: events in, calls at its ports out."""

from __future__ import annotations

import numpy as np
import pytest

from app.dialogue.events import EchoConvergenceChanged, StopRequested, TextSubmitted
from app.dialogue.own_voice import heard_words
from app.dialogue.state import Phase
from app.engine.duplex import view_of
from audio_io.events import (
    PlaybackEnded,
    PlaybackProgressed,
    PlaybackStarted,
    PlayoutReport,
    SpeechEnded,
    SpeechStarted,
)
from audio_io.frames import AudioFrame, EndEvidence, frozen
from model.events import (
    GenerationEnded,
    GenerationFailed,
    TextDelta,
    TranscriptPartial,
    TurnScored,
    TurnTranscribed,
    WorkerFailed,
)
from model.requests import BeginTurn, Cancel, FinishTurn, Hear, ReplyRequest, Say
from model.types import NO_SCORE, DuplexPrediction, TurnKey, VoiceChoice
from tests.fakes.dialogue_desk import ANSWER, READY, DialogueDesk
from tests.fakes.loudspeaker import chunk


@pytest.fixture
def desk() -> DialogueDesk:
    return DialogueDesk()


def frame(k: int) -> AudioFrame:
    return AudioFrame(frozen(np.full(160, 0.1, dtype=np.float32)), 160 * k)


def ended(heard_text_end: int, was_cut: bool) -> PlaybackEnded:
    n = 1000 if heard_text_end else 0
    return PlaybackEnded(PlayoutReport(1, n, heard_text_end, was_cut, False, 1.4), 1.5)


def test_typed_text_becomes_a_request_and_its_sound_is_played(desk: DialogueDesk) -> None:
    desk.speaking()
    (request,) = desk.sent_of(ReplyRequest)
    assert isinstance(request, ReplyRequest)
    assert request.context.user_text == "Is it?"
    assert desk.loudspeaker.names() == ["start_reply", "enqueue"]
    desk.do(GenerationEnded(1, 2400, False, 0.1))
    assert desk.loudspeaker.names()[-1] == "finish"


def test_what_was_heard_is_kept_and_only_that(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(StopRequested(), ended(2, was_cut=True))
    (info,) = desk.history.list_conversations()
    _asked, answer = desk.history.turns(info.id)
    assert (answer.text, answer.was_cut) == ("It", True)
    assert desk.phase is Phase.LISTENING


def test_a_reply_that_was_never_heard_is_not_kept(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(StopRequested(), ended(0, was_cut=True))
    (info,) = desk.history.list_conversations()
    assert [turn.role for turn in desk.history.turns(info.id)] == ["user"]


def test_stopping_cancels_the_model_and_fades_the_loudspeaker(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(StopRequested())
    assert [request.generation for request in desk.sent_of(Cancel)] == [1]  # type: ignore[attr-defined]
    assert desk.loudspeaker.calls[-1] == ("fade_and_flush", (40.0,))


def test_a_device_that_never_reports_is_flushed_at_the_deadline(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(StopRequested())
    deadline_s = desk.dialogue.next_deadline_s()
    assert deadline_s == pytest.approx(desk.now_s + 0.4)
    desk.dialogue.fire_due(desk.now_s + 0.39)
    assert desk.phase is Phase.YIELDING
    desk.dialogue.fire_due(desk.now_s + 0.41)
    assert desk.phase is Phase.LISTENING
    assert desk.loudspeaker.names()[-1] == "hard_flush"
    assert desk.dialogue.next_deadline_s() is None


def test_the_model_hears_the_open_turn_from_before_its_onset(desk: DialogueDesk) -> None:
    desk.do(READY)
    for k in range(100):
        desk.dialogue.feed(frame(k))
    assert desk.sent == []
    desk.do(SpeechStarted(onset_s=0.9, at_s=1.0))
    assert [type(request) for request in desk.sent] == [BeginTurn, Hear]
    first = desk.sent_of(Hear)[0]
    assert isinstance(first, Hear)
    assert 0.5 < first.frame.start_s < 0.7
    for k in range(100, 104):
        desk.dialogue.feed(frame(k))
    desk.do(SpeechEnded(offset_s=1.0, at_s=1.04))
    assert isinstance(desk.sent[-1], FinishTurn)


def test_words_reach_the_window_and_the_predictor(desk: DialogueDesk) -> None:
    desk.do(READY, SpeechStarted(0.5, 0.6))
    desk.do(TranscriptPartial(1, "is it", 0.9))
    assert desk.dialogue.captions.lines()[0].text == "is it"
    assert view_of(desk.dialogue).partial_text == "is it"
    desk.do(TranscriptPartial(7, "of another turn", 0.9))
    assert view_of(desk.dialogue).partial_text == "is it"


def test_evidence_of_the_end_reaches_the_predictor_with_the_words_of_its_turn(
    desk: DialogueDesk,
) -> None:
    desk.do(READY, SpeechStarted(0.5, 0.6))
    assert view_of(desk.dialogue).ending is None
    sure, surer = EndEvidence(2.0, 0.5, 0.9), EndEvidence(3.0, 0.5, 1.0)
    desk.do(TranscriptPartial(1, "is it?", 0.9, sure))
    assert view_of(desk.dialogue).ending == sure
    desk.do(TranscriptPartial(1, "is it late", 1.2))
    assert view_of(desk.dialogue).ending == sure  # until another comes; its time tells how old
    turn = desk.dialogue.state.turn
    assert turn is not None
    desk.do(TurnTranscribed(turn.key, "Is it?", "en", 0.1, evidence=surer))
    assert view_of(desk.dialogue).ending == surer
    desk.do(TranscriptPartial(7, "of another turn", 0.9, sure))
    assert view_of(desk.dialogue).ending == surer


def test_the_predictor_knows_what_the_model_thinks_of_this_pause_only(desk: DialogueDesk) -> None:
    desk.do(READY, SpeechStarted(0.5, 0.6), SpeechEnded(0.9, 1.0))
    assert view_of(desk.dialogue).agent.model_p_end == NO_SCORE
    turn = desk.dialogue.state.turn
    assert turn is not None
    desk.do(TurnScored(turn.key, 0.9, 1.0))
    assert view_of(desk.dialogue).agent.model_p_end == 0.9
    desk.do(SpeechStarted(1.2, 1.3))
    assert view_of(desk.dialogue).agent.model_p_end == NO_SCORE
    desk.do(TurnScored(turn.key, 0.9, 1.0))  # late: the user speaks again
    assert view_of(desk.dialogue).agent.model_p_end == NO_SCORE


def test_the_predictor_knows_what_the_user_has_heard(desk: DialogueDesk) -> None:
    desk.speaking()
    view = view_of(desk.dialogue)
    assert view.agent.is_speaking
    assert view.agent.text_so_far == "It"


def test_speech_over_a_reply_ducks_it_and_an_interruption_cuts_it(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(EchoConvergenceChanged(True))
    desk.do(SpeechStarted(1.3, 1.4))
    assert desk.loudspeaker.calls[-1][0] == "duck"
    desk.do(DuplexPrediction(1.6, p_interruption=0.6))
    assert desk.loudspeaker.calls[-1][0] == "hold"
    desk.do(DuplexPrediction(1.7, p_interruption=0.9))
    assert desk.loudspeaker.calls[-1][0] == "fade_and_flush"
    assert desk.phase is Phase.YIELDING


def test_a_reply_is_shown_only_after_its_turn_is_over(desk: DialogueDesk) -> None:
    desk.do(READY, SpeechStarted(0.5, 0.6), SpeechEnded(0.8, 0.9))
    desk.do(TurnTranscribed(TurnKey(1), "is it", "en", 0.1))
    desk.do(TextDelta(1, ANSWER), chunk(1))
    assert [line.role for line in desk.dialogue.captions.lines()] == ["user"]
    assert desk.loudspeaker.calls == []
    desk.do(DuplexPrediction(1.1, p_end_of_turn=0.9))
    assert [line.text for line in desk.dialogue.captions.lines()] == [ANSWER]
    assert desk.loudspeaker.names() == ["start_reply", "enqueue"]


def test_a_line_is_shown_once_while_it_becomes_history(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(GenerationEnded(1, 2400, False, 0.1), ended(len(ANSWER), was_cut=False))
    shown = (*desk.dialogue.conversation.captions(), *desk.dialogue.captions.lines())
    assert [line.text for line in shown] == ["Is it?", ANSWER]


def test_a_failed_reply_is_said_and_the_dialogue_listens_again(desk: DialogueDesk) -> None:
    desk.do(READY, TextSubmitted("Is it?"), GenerationFailed(1, "no memory"))
    assert any("no memory" in error for error in desk.errors)
    assert desk.phase is Phase.LISTENING


def test_a_dead_model_is_restarted_and_what_was_asked_is_asked_again(desk: DialogueDesk) -> None:
    desk.do(READY, TextSubmitted("Is it?"))
    desk.do(WorkerFailed("model", "killed"))
    assert desk.n_restarts == 1
    assert desk.phase is Phase.STARTING
    desk.do(READY)
    assert len(desk.sent_of(ReplyRequest)) == 2
    assert desk.phase is Phase.THINKING


def test_a_preview_is_played_and_leaves_no_trace(desk: DialogueDesk) -> None:
    desk.do(READY)
    desk.dialogue.preview(1_000_001, "This is Emma.", VoiceChoice("emma", 1.1))
    (request,) = desk.sent_of(Say)
    assert isinstance(request, Say)
    assert request.voice.preset == "emma"
    desk.do(TextDelta(1_000_001, "This is Emma."), chunk(1_000_001))
    assert desk.loudspeaker.names() == ["start_reply", "enqueue"]
    report = PlayoutReport(1_000_001, 2400, 13, False, False, 1.4)
    desk.do(PlaybackStarted(1_000_001, 1.1), PlaybackEnded(report, 1.5))
    assert desk.dialogue.replies.get(1_000_001) is None
    assert desk.history.newest() is None
    assert desk.dialogue.captions.lines() == ()


def test_a_reply_cut_on_a_stuck_device_is_shown_once(desk: DialogueDesk) -> None:
    desk.speaking()
    desk.do(StopRequested())
    desk.dialogue.fire_due(desk.now_s + 0.5)
    shown = (*desk.dialogue.conversation.captions(), *desk.dialogue.captions.lines())
    assert [line.role for line in shown] == ["user", "assistant"]


SEA = "I can't hear about the sea, but I know the weather."


def telling(desk: DialogueDesk) -> None:
    """A reply is being heard, a word each 0.3 s; somebody speaks over it from 1.4 s on."""
    desk.do(READY, TextSubmitted("Is it?"), TextDelta(1, SEA), chunk(1), PlaybackStarted(1, 1.2))
    for i, word in enumerate(heard_words(SEA)[:6]):
        desk.do(PlaybackProgressed(1, word.end, 1.2 + 0.3 * i))
    desk.do(EchoConvergenceChanged(True), SpeechStarted(1.4, 1.5))
    desk.now_s = 3.0


def test_its_own_words_are_nothing_of_the_users(desk: DialogueDesk) -> None:
    telling(desk)
    desk.do(TranscriptPartial(2, "can't hear about", 2.2))
    assert view_of(desk.dialogue).partial_text == ""
    desk.do(SpeechEnded(2.8, 2.9))
    turn = desk.dialogue.state.turn
    assert turn is not None
    desk.do(TurnTranscribed(turn.key, "What's wrong here about the C?", "en", 0.1))
    assert desk.phase is Phase.SPEAKING
    assert desk.loudspeaker.calls[-1][0] == "resume"
    (decision,) = [entry for entry in desk.timeline.entries() if entry["event"] == "resumed"]
    assert decision["cause"] == "own_voice"


def test_its_own_last_words_are_not_answered(desk: DialogueDesk) -> None:
    telling(desk)
    desk.do(SpeechEnded(2.8, 2.9))
    turn = desk.dialogue.state.turn
    assert turn is not None
    desk.do(PlaybackEnded(PlayoutReport(1, 1000, len(SEA), False, False, 2.8), 2.9))
    assert desk.phase is Phase.LISTENING
    n_requests = len(desk.sent_of(ReplyRequest))
    desk.do(TurnTranscribed(turn.key, "I can't hear about the C.", "en", 0.1))
    assert desk.dialogue.state.turn is None
    assert len(desk.sent_of(ReplyRequest)) == n_requests
    (decision,) = [entry for entry in desk.timeline.entries() if entry["event"] == "dropped"]
    assert decision["cause"] == "own_voice"


def test_a_users_words_over_the_reply_reach_everybody(desk: DialogueDesk) -> None:
    telling(desk)
    desk.do(TranscriptPartial(2, "tell me a joke instead", 2.2))
    assert view_of(desk.dialogue).partial_text == "tell me a joke instead"
    desk.do(SpeechEnded(2.8, 2.9))
    turn = desk.dialogue.state.turn
    assert turn is not None
    desk.do(TurnTranscribed(turn.key, "Tell me a joke instead.", "en", 0.1))
    assert desk.phase is Phase.YIELDING
