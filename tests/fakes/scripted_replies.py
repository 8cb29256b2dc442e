"""Ears of the embedded default, a script for what it says: policy at declared costs.

Recogniser, voice and every sample are real; the language model is not. The same scene gives the
same conversation on a machine of any speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from audio_io.frames import AudioFrame, Samples
from model.cascade.clauses import ClauseSplitter
from model.cascade.engines import RATE_HZ
from model.cascade.recognizer import StreamingRecognizer
from model.cascade.synthesizer import Synthesizer
from model.events import (
    LoadProgress,
    Mark,
    ReplyEvent,
    SpeechChunk,
    TextDelta,
    TranscriptPartial,
    TurnTranscribed,
)
from model.requests import ReplyRequest
from model.types import CancelToken, TurnContext, TurnKey, VoiceChoice, VoicePreset

_PARTIAL_S, _FINAL_S, _FIRST_TOKEN_S, _CLAUSE_S, _OTHER_S = 0.09, 0.2, 0.25, 0.05, 0.001


class ScriptedReplies:
    """``SpeechModel``: every turn gets the next of ``replies``, the last one for ever.

    Attributes:
        requests: what was asked for, in order.
        spoken: sound of each generation, 24 kHz.
        step_cost_s: declared cost of the last call.
    """

    name = "scripted replies"
    sample_rate_hz = RATE_HZ

    def __init__(
        self, recognizer: StreamingRecognizer, synthesizer: Synthesizer, replies: tuple[str, ...]
    ) -> None:
        self.requests: list[ReplyRequest] = []
        self.spoken: dict[int, Samples] = {}
        self.step_cost_s = 0.0
        self._recognizer = recognizer
        self._synthesizer = synthesizer
        self._replies = replies
        self._turn: TurnKey | None = None
        self._n_turns: dict[int, int] = {}

    def load(self, report: Callable[[LoadProgress], None]) -> None:
        report(LoadProgress("script", 1.0))
        self._recognizer.begin()

    def voices(self) -> tuple[VoicePreset, ...]:
        return self._synthesizer.voices()

    def begin_turn(self, key: TurnKey, context: TurnContext) -> None:
        self.step_cost_s = _OTHER_S
        if self._turn is None or key.turn != self._turn.turn:
            self._recognizer.begin()
        self._turn = key

    def hear(self, frame: AudioFrame) -> Iterable[TranscriptPartial]:
        self.step_cost_s = 0.0
        if self._turn is None or not self._recognizer.hear(frame):
            return ()
        self.step_cost_s = _PARTIAL_S
        text, end_s = self._recognizer.partial_text, self._recognizer.end_s
        return (TranscriptPartial(self._turn.turn, text, end_s),)

    def finish_turn(self, key: TurnKey) -> Iterable[TurnTranscribed]:
        self.step_cost_s = _OTHER_S
        if self._turn is None or key.turn != self._turn.turn:
            return ()
        self._turn = key
        self.step_cost_s = _FINAL_S
        text = self._recognizer.finish()
        return (TurnTranscribed(key, text, self._recognizer.language, _FINAL_S),)

    def reply(self, request: ReplyRequest, cancel: CancelToken) -> Iterator[ReplyEvent]:
        self.requests.append(request)
        n = self._n_turns.setdefault(request.key.turn, len(self._n_turns))
        text = self._replies[min(n, len(self._replies) - 1)]
        self.step_cost_s = _FIRST_TOKEN_S
        for event in self._said(text, request.generation):
            if cancel.is_cancelled:
                return
            yield event
            self.step_cost_s = _CLAUSE_S

    def say(self, text: str, voice: VoiceChoice, generation: int) -> Iterator[ReplyEvent]:
        self.step_cost_s = _CLAUSE_S
        yield from self._said(text, generation)

    def use_voice(self, voice: VoiceChoice) -> None:
        self.step_cost_s = _OTHER_S

    def forget_turn(self, key: TurnKey) -> None:
        self.step_cost_s = _OTHER_S
        if self._turn is not None and key.turn == self._turn.turn:
            self._turn = None
            self._recognizer.begin()

    def close(self) -> None:
        self._turn = None

    def _said(self, text: str, generation: int) -> Iterator[ReplyEvent]:
        yield TextDelta(generation, text)
        voice = self._synthesizer.resolve(VoiceChoice(), "en")
        splitter, sound = ClauseSplitter(), np.zeros(0, np.float32)
        for clause in [*splitter.push(text), *splitter.finish()]:
            said, start = self._synthesizer.speak(clause.text, voice, 1.0), len(sound)
            sound = np.concatenate([sound, said.samples])
            self.spoken[generation] = sound
            marks = tuple(
                Mark(
                    clause.start + mark.text_start,
                    clause.start + mark.text_end,
                    start + mark.sample_start,
                    start + mark.sample_end,
                )
                for mark in said.marks
            )
            yield SpeechChunk(generation, said.samples, start, RATE_HZ, marks)
