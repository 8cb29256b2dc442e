"""When the assistant listens, thinks, speaks and yields: one pure function, ``step``.

The predictor proposes, this decides. No threads, no clocks, no audio: events in, effects out.

 state      event                     next        effects                                guard
 STARTING   ModelReady                LISTENING
 LISTENING  SpeechStarted             LISTENING   open_turn (a paused turn: next revision, its
                                                  prepared reply is cancelled USER_RESUMED)
 LISTENING  SpeechEnded               LISTENING   finish_hearing, note owes_reply, arm_endpoint
 LISTENING  TurnTranscribed           LISTENING   start_generation (prepared, silent)    has words
 LISTENING  TurnTranscribed           LISTENING   forget_turn                            nothing said, or a stop phrase
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
 SPEAKING   DuplexPrediction          YIELDING    cancel(BARGE_IN), fade_and_flush       is_interruption and user_is_speaking
 SPEAKING   DuplexPrediction          OVERLAP     hold, arm_overlap                      may_be_interruption and (user_is_speaking or aec_has_converged)
 OVERLAP    DuplexPrediction          OVERLAP     hold                                   may_be_interruption
 OVERLAP    DuplexPrediction          SPEAKING    resume (its words may still cut it)    is_backchannel or is_noise
 OVERLAP    DuplexPrediction          YIELDING    cancel(BARGE_IN), fade_and_flush       is_interruption
 OVERLAP    TurnTranscribed           SPEAKING|YIELDING                                  by its words
 OVERLAP    OverlapDeadline           OVERLAP     arm_overlap, once                      user_is_speaking and has only acknowledged
 OVERLAP    OverlapDeadline           YIELDING    cancel(BARGE_IN), fade_and_flush       user_is_speaking
 OVERLAP    OverlapDeadline           SPEAKING    resume (false interruption)            user_is_quiet and no words pending
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

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from app.dialogue.effects import Effect
from app.dialogue.events import (
    ConversationOpened,
    DeadlineKind,
    DeadlineReached,
    DeviceLost,
    DeviceReturned,
    DialogueEvent,
    DuplexPrediction,
    EchoConvergenceChanged,
    GenerationEnded,
    GenerationFailed,
    GenerationStarted,
    LoadProgress,
    MicrophoneSwitched,
    ModeChosen,
    ModelLeft,
    ModelReady,
    PlaybackEnded,
    PlaybackProgressed,
    PlaybackStarted,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextDelta,
    TextSubmitted,
    TranscriptPartial,
    TurnScored,
    TurnTranscribed,
    WorkerFailed,
    WorkerStats,
)
from app.dialogue.state import DialogueRules, DialogueState
from app.dialogue.transitions import Move


def step(
    state: DialogueState, event: DialogueEvent, rules: DialogueRules
) -> tuple[DialogueState, tuple[Effect, ...]]:
    """Decides. Pure: the same arguments give the same answer."""
    move = Move(state, rules)
    _dispatch(move, event)
    return move.state, tuple(move.effects)


def _dispatch(move: Move, event: DialogueEvent) -> None:
    match event:
        case SpeechStarted():
            move.speech_started(event)
        case SpeechEnded():
            move.speech_ended(event)
        case DuplexPrediction():
            move.predicted(event)
        case TurnTranscribed():
            move.transcribed(event)
        case TranscriptPartial(turn=turn, text=text):
            move.heard_so_far(turn, text)
        case DeadlineReached(kind=kind, token=token):
            if move.is_armed(kind, token):
                _deadline(move, kind)
        case PlaybackStarted(generation=generation):
            move.playback_started(generation)
        case PlaybackProgressed(generation=generation, heard_text_end=end):
            move.playback_progressed(generation, end)
        case PlaybackEnded(report=report):
            move.playback_ended(report)
        case GenerationFailed(generation=generation, message=message):
            move.generation_over(generation, f"The reply failed: {message}")
        case GenerationEnded(generation=generation, n_samples=n, was_cancelled=was_cancelled):
            if n == 0 and not was_cancelled:
                move.generation_over(generation, "The model had nothing to say.")
        case StopRequested():
            move.stop_requested()
        case TalkPressed():
            move.talk_pressed()
        case TalkReleased():
            move.talk_released()
        case TextSubmitted(text=text):
            move.text_submitted(text)
        case ModeChosen() | MicrophoneSwitched():
            _switch(move, event)
        case EchoConvergenceChanged(has_converged=has_converged):
            move.state = replace(move.state, has_echo_converged=has_converged)
        case ModelReady():
            move.model_ready()
        case WorkerFailed(name=name, message=message):
            if name == "model":
                move.model_failed(message)
        case ModelLeft():
            move.model_left()
        case ConversationOpened():
            move.conversation_opened()
        case (
            DeviceLost()
            | DeviceReturned()
            | LoadProgress()
            | TurnScored()
            | TextDelta()
            | SpeechChunk()
            | GenerationStarted()
            | WorkerStats()
        ):
            pass  # shown, recorded or forwarded by the shell; nothing to decide
        case _:
            assert_never(event)


def _deadline(move: Move, kind: DeadlineKind) -> None:
    match kind:
        case DeadlineKind.ENDPOINT:
            move.endpoint_reached()
        case DeadlineKind.OVERLAP:
            move.overlap_deadline()
        case DeadlineKind.YIELD:
            move.yield_deadline()
        case _:
            assert_never(kind)


def _switch(move: Move, event: ModeChosen | MicrophoneSwitched) -> None:
    if isinstance(event, ModeChosen):
        move.state = replace(move.state, is_hands_free=event.is_hands_free)
    else:
        move.state = replace(move.state, is_mic_open=event.is_open)
    move.set_microphone()
