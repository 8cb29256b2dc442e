"""Writes the dialogue's history of events into the timeline, and measures its latencies.

Decides nothing. Holds what was said only where the timeline is kept for a scene; never logs.
"""

from __future__ import annotations

from collections.abc import Callable

from app.dialogue.causes import DecisionKind
from app.dialogue.decisions import Pause, decisions_of
from app.dialogue.effects import Duck, Effect, FinishHearing, NoteDecision, StartGeneration
from app.dialogue.events import (
    DeviceLost,
    DeviceReturned,
    DialogueEvent,
    DuplexPrediction,
    GenerationFailed,
    ModelLeft,
    PlaybackEnded,
    PlaybackStarted,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    TextDelta,
    TranscriptPartial,
    TurnTranscribed,
    WorkerFailed,
)
from app.dialogue.latency import LatencyMeter
from app.dialogue.reply_buffer import ReplyBuffer
from app.dialogue.state import DialogueState, DialogueStepped, Phase
from app.dialogue.timeline import Timeline

_PREDICTION_EVERY_S = 0.24  # the timeline keeps one prediction in three


class DialogueTrace:
    """Timeline and latency meter of one conversation.

    Attributes:
        prediction: the latest one, for the window's plot.
        step_listeners: called with every step of the controller, on the dialogue's thread.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.latency = LatencyMeter()
        self.prediction = DuplexPrediction(0.0)
        self.step_listeners: list[Callable[[DialogueStepped], None]] = []
        self._pause = Pause()
        self._next_prediction_s = 0.0

    def event(
        self, event: DialogueEvent, now_s: float, state: DialogueState, desk: ReplyBuffer
    ) -> None:
        """``state`` is the one before the event."""
        record = self.timeline.record
        match event:
            case SpeechStarted(onset_s=onset_s, at_s=at_s):
                is_overlap = state.phase in (Phase.SPEAKING, Phase.OVERLAP)
                self.latency.speech_started(onset_s, is_overlap=is_overlap)
                record("user_speech_started", onset_s, source="vad", decided_s=at_s)
            case SpeechEnded(offset_s=offset_s, at_s=at_s):
                self.latency.speech_ended(offset_s)
                record("user_speech_ended", offset_s, source="vad", decided_s=at_s)
            case DuplexPrediction():
                self._predicted(event)
            case TranscriptPartial(turn=turn, text=text):
                record("transcript_partial", now_s, turn=turn, text=text)
            case TurnTranscribed(key=key, text=text, compute_s=compute_s, manner=manner):
                if state.turn is not None and state.turn.key == key:
                    self.latency.transcribed(now_s, compute_s)
                    said_how = {"manner": manner} if manner else {}
                    record(
                        "transcript_final", now_s, turn=key.turn, revision=key.revision, text=text,
                        compute_s=compute_s, **said_how,
                    )  # fmt: skip
            case TextDelta(generation=generation, text=text):
                record("text_delta", now_s, generation=generation, text=text)
            case _:
                self._outcome(event, now_s, desk)

    def _outcome(self, event: DialogueEvent, now_s: float, desk: ReplyBuffer) -> None:
        record = self.timeline.record
        match event:
            case PlaybackStarted(generation=generation, at_s=at_s):
                record("assistant_speech_started", at_s, generation=generation)
                spans = self.latency.playback_started(at_s)
                if spans is not None:
                    record(
                        "answer_latency", at_s, generation=generation, answer_ms=spans.answer_ms,
                        decide_ms=spans.decide_ms, words_ms=spans.words_ms,
                        think_ms=spans.think_ms, voice_ms=spans.voice_ms,
                        device_ms=spans.device_ms, residual_ms=spans.residual_ms,
                    )  # fmt: skip
            case PlaybackEnded(report=report):
                self._playback_ended(event, desk)
                if report.was_cut and report.heard_samples:
                    self.latency.playback_cut(report.last_audible_s)
            case GenerationFailed(generation=generation, message=message):
                record("error", now_s, where="generation", generation=generation, message=message)
            case WorkerFailed(name=name, message=message):
                record("error", now_s, where=name, message=message)
            case ModelLeft(reason=reason):
                record("model_left", now_s, reason=reason)
            case DeviceLost(which=which, message=message):
                record("device_lost", now_s, which=which, message=message)
            case DeviceReturned(name=name, gap_s=gap_s):
                record("device_returned", now_s, name=name, gap_s=gap_s)
            case _:
                pass

    def _playback_ended(self, event: PlaybackEnded, desk: ReplyBuffer) -> None:
        report = event.report
        reply = desk.get(report.generation)
        text = reply.text if reply is not None else ""
        self.timeline.record(
            "assistant_speech_ended",
            report.last_audible_s if report.heard_samples else event.at_s,
            generation=report.generation,
            heard_text=text[: report.heard_text_end],
            full_text=text,
            was_cut=report.was_cut,
            is_estimate=report.is_estimate,
            heard_samples=report.heard_samples,
        )

    def stepped(self, step: DialogueStepped) -> None:
        """The controller has answered an event: what it decided goes down with all its inputs."""
        self._pause = self._pause.after(step.event)
        for decision in decisions_of(step, self.prediction, self._pause):
            self.timeline.record(
                decision.what, step.now_s, reason=decision.reason, cause=decision.cause.key,
                generation=decision.generation, why=dict(decision.numbers),
            )  # fmt: skip
        for listener in self.step_listeners:
            listener(step)

    def effect(self, effect: Effect, now_s: float) -> None:
        record = self.timeline.record
        match effect:
            case NoteDecision(what=DecisionKind.END_OF_TURN):
                self.latency.decided(now_s)
            case StartGeneration(generation=generation, key=key):
                record(
                    "generation_started", now_s, generation=generation, turn=key.turn,
                    revision=key.revision,
                )  # fmt: skip
            case FinishHearing():
                self.latency.words_asked(now_s)
            case Duck(generation=generation):
                record("ducked", now_s, generation=generation)
            case _:
                pass

    def first_chunk(self, chunk: SpeechChunk, now_s: float) -> None:
        """The first sound of a reply has come from the model."""
        self.latency.first_chunk(now_s, chunk.spans)
        self.timeline.record(
            "first_chunk", now_s, generation=chunk.generation, spans=dict(chunk.spans)
        )

    def _predicted(self, prediction: DuplexPrediction) -> None:
        self.prediction = prediction
        if prediction.at_s < self._next_prediction_s:
            return
        self._next_prediction_s = prediction.at_s + _PREDICTION_EVERY_S
        self.timeline.record(
            "duplex_prediction",
            prediction.at_s,
            p_end_of_turn=prediction.p_end_of_turn,
            p_hold=prediction.p_hold,
            p_interruption=prediction.p_interruption,
            p_backchannel=prediction.p_backchannel,
            p_noise=prediction.p_noise,
            silence_ms=prediction.silence_ms,
            wait_ms=prediction.wait_ms,
            reason=prediction.reason,
        )
