"""A loudspeaker that writes down what it is told, and small pieces of sound to tell it with."""

from __future__ import annotations

import numpy as np

from audio_io.frames import Samples, frozen
from audio_io.playout import PlayoutMark
from model.events import Mark, SpeechChunk

RATE_HZ = 24_000


class NotingLoudspeaker:
    """Passes for a ``Loudspeaker``. ``calls`` are (name, arguments), oldest first."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[object, ...]]] = []

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def start_reply(self, generation: int, rate_hz: int) -> None:
        self.calls.append(("start_reply", (generation, rate_hz)))

    def enqueue(
        self,
        samples: Samples,
        start: int,
        rate_hz: int,
        marks: tuple[PlayoutMark, ...],
        generation: int,
    ) -> None:
        self.calls.append(("enqueue", (len(samples), start, rate_hz, marks, generation)))

    def finish(self, generation: int) -> None:
        self.calls.append(("finish", (generation,)))

    def duck(self, gain_db: float, ramp_ms: float) -> None:
        self.calls.append(("duck", (gain_db, ramp_ms)))

    def hold(self, ramp_ms: float) -> None:
        self.calls.append(("hold", (ramp_ms,)))

    def resume(self, ramp_ms: float) -> None:
        self.calls.append(("resume", (ramp_ms,)))

    def fade_and_flush(self, ramp_ms: float) -> None:
        self.calls.append(("fade_and_flush", (ramp_ms,)))

    def hard_flush(self) -> None:
        self.calls.append(("hard_flush", ()))


def chunk(generation: int, start: int = 0, seconds: float = 0.1) -> SpeechChunk:
    """A tenth of a second with one word in it."""
    samples = frozen(np.full(round(seconds * RATE_HZ), 0.1, dtype=np.float32))
    marks = (Mark(0, 5, start, start + len(samples)),)
    return SpeechChunk(generation, samples, start, RATE_HZ, marks)
