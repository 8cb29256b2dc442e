"""Writes what happens in the dialogue into the timeline, and measures its latencies.

It decides nothing. The timeline is written to a file for scenes only: it holds what was said.
"""

from collections.abc import Callable
from dataclasses import asdict

from app.dialogue import effects
from app.dialogue.causes import DecisionKind
from app.dialogue.decisions import Pause, decisions_of
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
from app.dialogue.latency import AnswerTimes, LatencyMeter
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
        self, event: DialogueEvent, now_s: float, state: DialogueState, replies: ReplyBuffer
    ) -> None:
        """Record an event; ``state`` is the one before it."""
        record, latency = self.timeline.record, self.latency
        match event:
            case SpeechStarted(onset_s=onset_s, at_s=at_s):
                is_overlap = state.phase in (Phase.SPEAKING, Phase.OVERLAP)
                latency.overlap_onset_s = onset_s if is_overlap else None
                record("user_speech_started", onset_s, source="vad", decided_s=at_s)
            case SpeechEnded(offset_s=offset_s, at_s=at_s):
                latency.answer = AnswerTimes(speech_ended_at_s=offset_s)
                record("user_speech_ended", offset_s, source="vad", decided_s=at_s)
            case DuplexPrediction():
                self._predicted(event)
            case TranscriptPartial(turn=turn, text=text):
                record("transcript_partial", now_s, turn=turn, text=text)
            case TurnTranscribed(key=key):
                if state.turn is not None and state.turn.key == key:
                    self._transcribed(event, now_s)
            case TextDelta(generation=generation, text=text):
                record("text_delta", now_s, generation=generation, text=text)
            case PlaybackStarted(generation=generation, at_s=at_s):
                record("assistant_speech_started", at_s, generation=generation)
                spans = latency.playback_started(at_s)
                if spans is not None:
                    told = {name: ms for name, ms in asdict(spans).items() if name != "stop_ms"}
                    record("answer_latency", at_s, generation=generation, **told)
            case PlaybackEnded():
                self._playback_ended(event, replies)
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

    def stepped(self, step: DialogueStepped) -> None:
        """Record what the controller has decided, with everything that it went by."""
        self._pause = self._pause.after(step.event)
        for decision in decisions_of(step, self.prediction, self._pause):
            self.timeline.record(
                decision.what,
                step.now_s,
                reason=decision.reason,
                cause=decision.cause.key,
                generation=decision.generation,
                why=dict(decision.numbers),
            )
        for listener in self.step_listeners:
            listener(step)

    def effect(self, effect: effects.Effect, now_s: float) -> None:
        """Record what the controller wants done."""
        record = self.timeline.record
        match effect:
            case effects.NoteDecision(what=DecisionKind.END_OF_TURN):
                self.latency.answer.decided_at_s = now_s
            case effects.StartGeneration(generation=generation, key=key):
                told = {"turn": key.turn, "revision": key.revision}
                record("generation_started", now_s, generation=generation, **told)
            case effects.FinishHearing():
                self.latency.answer.asked_at_s = now_s
            case effects.Duck(generation=generation):
                record("ducked", now_s, generation=generation)
            case _:
                pass

    def first_chunk(self, chunk: SpeechChunk, now_s: float) -> None:
        """Record that the first sound of a reply has come from the model."""
        self.latency.first_chunk(now_s, chunk.spans)
        self.timeline.record(
            "first_chunk", now_s, generation=chunk.generation, spans=dict(chunk.spans)
        )

    def _predicted(self, prediction: DuplexPrediction) -> None:
        self.prediction = prediction
        if prediction.at_s >= self._next_prediction_s:
            self._next_prediction_s = prediction.at_s + _PREDICTION_EVERY_S
            told = asdict(prediction)
            for name in ("at_s", "is_stop_word", "inputs"):
                del told[name]
            self.timeline.record("duplex_prediction", prediction.at_s, **told)

    def _transcribed(self, event: TurnTranscribed, now_s: float) -> None:
        self.latency.answer.words_s = event.compute_s
        said_how = {"manner": event.manner} if event.manner else {}
        self.timeline.record(
            "transcript_final",
            now_s,
            turn=event.key.turn,
            revision=event.key.revision,
            text=event.text,
            compute_s=event.compute_s,
            **said_how,
        )

    def _playback_ended(self, event: PlaybackEnded, replies: ReplyBuffer) -> None:
        report = event.report
        reply = replies.get(report.generation)
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
        if report.was_cut and report.heard_samples:
            self.latency.playback_cut(report.last_audible_s)
