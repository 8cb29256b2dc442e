"""When the assistant listens, thinks, speaks and yields: one pure function, ``step``.

The predictor proposes, this decides: events in, effects out, no thread, no clock and no audio. A
row of this table is one of the functions below; its effects are the verbs of ``Transition``.

 state      event                     next        effects                                guard
 STARTING   ModelReady                LISTENING
 LISTENING  SpeechStarted             LISTENING   open_turn (a paused turn: next revision, its
                                                  prepared reply is cancelled USER_RESUMED)
 LISTENING  SpeechEnded               LISTENING   finish_hearing, note owes_reply, arm_endpoint
 LISTENING  TurnTranscribed           LISTENING   start_generation (prepared, silent)    has words
 LISTENING  TurnTranscribed           LISTENING   forget_turn                            nothing said, its own voice, or a stop phrase
 LISTENING  DuplexPrediction          THINKING    play_reply, commit_user_turn           is_end_of_turn
 LISTENING  EndpointDeadline          THINKING    play_reply, commit_user_turn           owes_reply and user_is_quiet
 THINKING   TurnTranscribed           THINKING    start_generation, play_reply           words came after the decision
 THINKING|SPEAKING  TurnTranscribed   (same)      commit_user_turn                       a turn answered by ear is written down
 THINKING   SpeechStarted             LISTENING   cancel(USER_RESUMED), open_turn        nothing heard yet
 THINKING   PlaybackStarted(gen)      SPEAKING
 THINKING   GenerationFailed|Empty    LISTENING   report_error
 SPEAKING   SpeechStarted             OVERLAP     duck, open_turn, arm_overlap           aec_has_converged
 SPEAKING   SpeechStarted             SPEAKING    open_turn (may be our own echo)        not aec_has_converged
 SPEAKING   TurnTranscribed           YIELDING    cancel, fade_and_flush                 a stop phrase, or several words
 SPEAKING   TurnTranscribed           SPEAKING    forget_turn                            anything else
 SPEAKING   DuplexPrediction          YIELDING    cancel(BARGE_IN), fade_and_flush       is_stop_word, or is_interruption and user_is_speaking
 SPEAKING   DuplexPrediction          OVERLAP     hold, arm_overlap                      may_be_interruption and (user_is_speaking or aec_has_converged)
 OVERLAP    DuplexPrediction          OVERLAP     hold                                   may_be_interruption
 OVERLAP    DuplexPrediction          SPEAKING    resume (its words may still cut it)    is_backchannel or is_noise
 OVERLAP    DuplexPrediction          YIELDING    cancel(BARGE_IN), fade_and_flush       is_interruption
 OVERLAP    TurnTranscribed           SPEAKING|YIELDING                                  by its words
 OVERLAP    OverlapDeadline           OVERLAP     arm_overlap, once                      user_is_speaking and has only acknowledged
 OVERLAP    OverlapDeadline           YIELDING    cancel(BARGE_IN), fade_and_flush       user_is_speaking
 OVERLAP    OverlapDeadline           SPEAKING    resume (false interruption)            user_is_quiet and no words pending, or nobody's voice
 SPEAKING|OVERLAP|YIELDING PlaybackEnded(report)  LISTENING   commit_heard
 THINKING|SPEAKING|OVERLAP StopRequested  YIELDING|LISTENING  cancel(USER_STOP), fade_and_flush
 YIELDING   YieldDeadline             LISTENING   hard_flush, commit_heard               device stuck
 any        TalkPressed               LISTENING|YIELDING  open_turn; a reply yields
 any        TalkReleased              THINKING    finish_hearing; the turn is over
 any        TextSubmitted             THINKING|YIELDING   a typed turn; a reply yields first
 any        WorkerFailed(model)       STARTING    restart_model; a turn that waits is answered later
 any        ModelLeft             STARTING    likewise; somebody else starts the other model
 any        event of a stale generation or turn   (same)   dropped
 on entering YIELDING by barge-in: note owes_reply.
 on entering LISTENING: owes_reply and user_is_quiet and nothing armed -> arm_endpoint.
"""

from dataclasses import replace
from typing import assert_never

from app.dialogue import effects, events
from app.dialogue.causes import Cause, DecisionKind
from app.dialogue.events import DeadlineKind, DialogueEvent
from app.dialogue.phrases import is_stop_phrase, sounds_like_stop_word, words
from app.dialogue.state import DialogueRules, DialogueState, Phase, Reply
from app.dialogue.transition import Transition
from audio_io.events import PlayoutReport
from model.duplex import policy
from model.types import CancelReason


def step(
    state: DialogueState, event: DialogueEvent, rules: DialogueRules
) -> tuple[DialogueState, tuple[effects.Effect, ...]]:
    """Decide what follows from one event. Pure: the same arguments give the same answer."""
    t = Transition(state, rules)
    is_by_hand = t.is_talk_held or not t.is_hands_free  # then voices decide nothing
    match event:
        case events.SpeechStarted() if not is_by_hand:
            _speech_started(t, event)
        case events.SpeechEnded() if not is_by_hand:
            _speech_ended(t, event)
        case events.DuplexPrediction() if not is_by_hand:
            _predicted(t, event)
        case events.TurnTranscribed():
            _transcribed(t, event)
        case events.TranscriptPartial(turn=turn, text=text):
            if t.turn is not None and t.turn.key.turn == turn:
                acknowledges = t.turn.is_over_reply and t.is_acknowledgement(text)
                t.turn = replace(t.turn, is_acknowledging=acknowledges)
        case events.DeadlineReached(kind=kind, token=token):
            if t.fires(kind, token):
                _deadline_reached(t, kind)
        case events.PlaybackStarted(generation=generation):
            if t.phase is Phase.THINKING and t.is_live(generation):
                t.phase = Phase.SPEAKING
                t.drop_turn()
                t.is_held = False
        case events.PlaybackProgressed(generation=generation, heard_text_end=end):
            if t.live is not None and t.live.generation == generation:
                t.live = replace(t.live, heard_text_end=end)
        case events.PlaybackEnded(report=report):
            _playback_ended(t, report)
        case events.GenerationFailed(generation=generation, message=message):
            _generation_over(t, generation, f"The reply failed: {message}")
        case events.GenerationEnded(generation=generation, n_samples=n, was_cancelled=cancelled):
            if n == 0 and not cancelled:
                _generation_over(t, generation, "The model had nothing to say.")
        case events.StopRequested():
            _stop_requested(t)
        case events.TalkPressed():
            _talk_pressed(t)
        case events.TalkReleased():
            _talk_released(t)
        case events.TextSubmitted(text=text):
            if text.strip():
                _text_submitted(t, text.strip())
        case events.ModeChosen(is_hands_free=is_hands_free):
            t.is_hands_free = is_hands_free
            t.set_microphone()
        case events.MicrophoneSwitched(is_open=is_open):
            t.is_mic_open = is_open
            t.set_microphone()
        case events.EchoConvergenceChanged(has_converged=has_converged):
            t.has_echo_converged = has_converged
        case events.ModelReady():
            t.is_model_ready = True
            if t.phase is Phase.STARTING:
                t.rest()
        case events.WorkerFailed(name=name, message=message):
            if name == "model":
                t.effects += [effects.ReportError(message), effects.RestartModel()]
                _model_left(t)
        case events.ModelLeft():
            _model_left(t)
        case events.ConversationOpened():
            t.typed_text = None
            _stop_requested(t)
        case events.SpeechStarted() | events.SpeechEnded() | events.DuplexPrediction():
            pass
        case (
            events.DeviceLost()
            | events.DeviceReturned()
            | events.LoadProgress()
            | events.TurnScored()
            | events.TextDelta()
            | events.SpeechChunk()
            | events.GenerationStarted()
            | events.WorkerStats()
        ):
            pass  # shown, recorded or forwarded by the shell; nothing to decide
        case _:
            assert_never(event)
    return t.finish()


def _speech_started(t: Transition, event: events.SpeechStarted) -> None:
    t.is_user_speaking = True
    match t.phase:
        case Phase.LISTENING | Phase.STARTING | Phase.YIELDING | Phase.OVERLAP:
            t.open_turn(event.onset_s)
        case Phase.THINKING:
            t.take_back()
            t.open_turn(event.onset_s)
        case Phase.SPEAKING:
            if t.rules.allows_barge_in and t.has_echo_converged:
                t.enter_overlap()
                t.duck()
                t.open_turn(event.onset_s)
                t.arm(DeadlineKind.OVERLAP, t.rules.decide_ms, event.at_s - event.onset_s)
            elif t.rules.allows_barge_in:
                t.open_turn(event.onset_s)  # it may be our own echo: listen, but go on


def _speech_ended(t: Transition, event: events.SpeechEnded) -> None:
    t.is_user_speaking = False
    if t.turn is None:
        return
    t.finish_hearing()
    if not t.is_audible:
        t.owes_reply = True
    if t.phase is Phase.LISTENING:
        t.arm(DeadlineKind.ENDPOINT, t.rules.endpoint_max_wait_ms, event.at_s - event.offset_s)


def _predicted(t: Transition, prediction: events.DuplexPrediction) -> None:
    rules = t.rules
    harmless = max(prediction.p_backchannel, prediction.p_noise)
    is_harmless = harmless >= rules.backchannel_threshold
    wants_floor = prediction.p_interruption >= rules.hold_threshold and not is_harmless
    is_interruption = rules.allows_barge_in and (
        prediction.is_stop_word or prediction.p_interruption >= rules.interruption_threshold
    )
    match t.phase:
        case Phase.LISTENING:
            if prediction.p_end_of_turn >= rules.end_of_turn_threshold:
                t.end_turn(prediction.reason)
        case Phase.SPEAKING if rules.allows_barge_in:
            t.note_prediction(prediction, is_harmless=is_harmless)
            # A voice that did not duck the reply: before convergence, or softer than its echo.
            if is_interruption and (t.is_user_speaking or prediction.is_stop_word):
                t.barge_in(prediction.reason, is_stop_word=prediction.is_stop_word)
            elif wants_floor and (t.is_user_speaking or t.has_echo_converged):
                if t.turn is None:
                    t.open_turn(prediction.at_s - policy.SURELY_VOICE_MS / 1000.0)
                t.enter_overlap()
                t.hold()
                t.arm(DeadlineKind.OVERLAP, rules.decide_ms)
        case Phase.OVERLAP:
            t.note_prediction(prediction, is_harmless=is_harmless)
            if is_interruption:
                t.barge_in(prediction.reason, is_stop_word=prediction.is_stop_word)
            elif is_harmless:
                t.resume(prediction.reason)
            elif wants_floor:
                t.hold()
        case _:
            pass


def _transcribed(t: Transition, event: events.TurnTranscribed) -> None:
    turn, text = t.turn, event.text
    if turn is None or turn.key != event.key or (turn.is_transcribed and turn.text is None):
        _written_down(t, event)
        return
    t.turn = replace(turn, text=text, is_transcribed=True)
    if text == "" and t.phase is Phase.OVERLAP:
        t.resume(Cause.OWN_VOICE if event.is_own_voice else Cause.NO_WORDS)
    elif text == "":
        if event.is_own_voice:
            t.effects.append(effects.NoteDecision(DecisionKind.DROPPED, Cause.OWN_VOICE))
        _give_up(t, CancelReason.USER_RESUMED)
    elif text is not None and t.is_stop_order(text):
        _stop(t, Cause.STOP_PHRASE)
    elif turn.is_over_reply and t.is_acknowledgement(text):
        if t.phase is Phase.OVERLAP:
            t.resume(Cause.BACKCHANNEL_WORDS)
        else:
            t.forget_turn()
    elif t.is_audible:
        _said_over_reply(t, text)
    elif t.phase is Phase.LISTENING:
        t.prepare()
    elif t.phase is Phase.THINKING:
        t.start_live()


def _written_down(t: Transition, event: events.TurnTranscribed) -> None:
    """Words of a turn that a model answered by ear; it is being answered already."""
    if not event.text:
        return
    if t.turn is not None and t.turn.key == event.key:
        t.turn = replace(t.turn, text=event.text)
        if is_stop_phrase(event.text, t.rules.stop_phrases):
            _stop(t, Cause.STOP_PHRASE)
            return
    if event.key in t.unwritten:
        t.unwritten = tuple(key for key in t.unwritten if key != event.key)
        t.effects.append(effects.CommitUserTurn(event.key, event.text))


def _said_over_reply(t: Transition, text: str | None) -> None:
    """Words of somebody who spoke over the reply and fell silent again."""
    is_sentence = text is None or len(words(text)) >= t.least_words
    is_harmless = t.turn is not None and t.turn.is_harmless
    is_user = t.phase is Phase.OVERLAP or t.has_echo_converged
    if is_user and not is_sentence and sounds_like_stop_word(text or "", t.rules.stop_phrases):
        _stop(t, Cause.STOP_PHRASE)
    elif is_user and (is_sentence or not is_harmless):
        t.barge_in(Cause.WORDS if is_sentence else Cause.SINGLE_WORD)
    elif t.phase is Phase.OVERLAP:
        t.resume(Cause.SINGLE_WORD)
    else:
        t.forget_turn()  # it sounded like an acknowledgement, or may be an echo


def _stop(t: Transition, cause: Cause) -> None:
    """The user orders silence."""
    t.yield_floor(CancelReason.USER_STOP, cause)
    _give_up(t, CancelReason.USER_STOP)


def _give_up(t: Transition, reason: CancelReason) -> None:
    """Nobody waits for an answer any more."""
    if t.phase is Phase.THINKING:
        t.take_back(reason)
    t.forget_turn()
    if t.phase is Phase.LISTENING:
        t.rest()


def _deadline_reached(t: Transition, kind: DeadlineKind) -> None:
    match kind:
        case DeadlineKind.ENDPOINT:
            if t.phase is Phase.LISTENING:
                t.end_turn(Cause.LIMIT)
        case DeadlineKind.OVERLAP:
            if t.phase is Phase.OVERLAP:
                _overlap_deadline(t)
        case DeadlineKind.YIELD:
            if t.phase is Phase.YIELDING and t.live is not None:
                _device_is_stuck(t, t.live)
        case _:
            assert_never(kind)


def _overlap_deadline(t: Transition) -> None:
    # The words decide better than time does: "yeah, yeah" is no interruption, nor is silence.
    waits = t.turn.is_acknowledging if t.is_user_speaking and t.turn else t.waits_for_words
    if waits and not t.is_overlap_extended:
        t.is_overlap_extended = True
        t.arm(DeadlineKind.OVERLAP, t.rules.transcript_grace_ms)
    elif t.is_user_speaking and t.turn and t.turn.is_doubted:
        t.resume(Cause.NOISE)
    elif t.is_user_speaking:
        t.barge_in(Cause.STILL_SPEAKING)
    else:
        t.resume(Cause.QUIET)


def _device_is_stuck(t: Transition, live: Reply) -> None:
    """It owes a report that it may never give; words that were told count as heard."""
    t.effects.append(effects.HardFlush(live.generation))
    if live.heard_text_end > 0:
        t.commit_heard(PlayoutReport(live.generation, 0, live.heard_text_end, True, True, 0.0))
    t.rest()


def _playback_ended(t: Transition, report: PlayoutReport) -> None:
    t.commit_heard(report)
    if not t.is_live(report.generation):
        return
    if t.is_audible and t.turn is not None:
        # The reply ended by itself while the user began: what they say is a turn of its own.
        t.disarm(DeadlineKind.OVERLAP)
        t.owes_reply = not t.is_user_speaking
    t.rest()


def _generation_over(t: Transition, generation: int, message: str) -> None:
    """It failed or was empty."""
    if t.prepared is not None and t.prepared.generation == generation:
        t.prepared = None
    elif t.is_live(generation) and t.phase is Phase.THINKING:
        # A first sample may be on its way to the ear; its report decides whether it was heard.
        t.effects += [effects.ReportError(message), effects.FadeAndFlush(generation)]
        t.drop_turn()
        t.rest()


def _model_left(t: Transition) -> None:
    t.is_model_ready = False
    t.prepared = None
    is_by_ear = t.turn is not None and t.turn.is_transcribed and t.turn.text is None
    if (t.waits_for_words or is_by_ear) and not t.is_audible:
        # The audio died with the worker; the words cannot come any more.
        t.drop_turn()
        t.effects.append(effects.ReportError("Please say that again."))
    if t.phase is Phase.THINKING:
        if t.live is not None:
            t.effects.append(effects.FadeAndFlush(t.live.generation))
        t.owes_reply = t.turn is not None
        t.rest()
    elif t.phase is Phase.LISTENING:
        t.disarm(DeadlineKind.ENDPOINT)
        t.phase = Phase.STARTING


def _stop_requested(t: Transition) -> None:
    if t.phase not in (Phase.STARTING, Phase.YIELDING):
        t.cancel_prepared(CancelReason.USER_STOP)
        _stop(t, Cause.STOP_BUTTON)


def _talk_pressed(t: Transition) -> None:
    if t.is_talk_held:
        return
    t.is_talk_held = t.is_user_speaking = True
    t.set_microphone()
    if t.phase is Phase.THINKING:
        t.take_back()
    t.open_turn(None)
    t.yield_floor(CancelReason.BARGE_IN, Cause.PUSH_TO_TALK)


def _talk_released(t: Transition) -> None:
    if not t.is_talk_held:
        return
    t.is_talk_held = t.is_user_speaking = False
    t.set_microphone()
    t.finish_hearing()
    if t.turn is None:
        return
    t.owes_reply = True
    t.turn = replace(t.turn, is_over=True)
    if t.phase is Phase.LISTENING:
        t.end_turn(Cause.RELEASED)


def _text_submitted(t: Transition, text: str) -> None:
    t.typed_text = text
    if t.is_audible:
        t.yield_floor(CancelReason.BARGE_IN, Cause.TYPED)
        t.forget_turn()
    elif t.phase is Phase.THINKING:
        t.take_back()
        t.rest()
    elif t.phase is Phase.LISTENING:
        t.rest()
