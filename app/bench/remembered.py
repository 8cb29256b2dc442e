"""Slow judges that several detectors ask the same: they answer once and are charged each time.

Knows no implementation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from audio_io.frames import Samples
from model.duplex.pause_opinions import UtteranceReader
from model.duplex.smart_turn import TurnClassifier

N_ANSWERS = 64  # more than one recording's; a sound of 8 s takes half a megabyte


Answer = TypeVar("Answer")


class _Memory(Generic[Answer]):
    """The latest answers, with what each took in seconds."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[Answer, float]] = {}
        self.last_s = 0.0

    def ask(self, key: Hashable, judge: Callable[[], tuple[Answer, float]]) -> Answer:
        if key not in self._answers:
            if len(self._answers) >= N_ANSWERS:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = judge()
        answer, self.last_s = self._answers[key]
        return answer


class RememberedSounds:
    """See ``TurnClassifier``; charged by the seconds of one core that the first answer took."""

    def __init__(self, classifier: TurnClassifier) -> None:
        self._classifier = classifier
        self._memory = _Memory[float]()

    @property
    def last_inference_s(self) -> float:
        return self._memory.last_s

    def p_complete(self, samples: Samples) -> float:
        def judge() -> tuple[float, float]:
            begun_s = time.thread_time()
            return self._classifier.p_complete(samples), time.thread_time() - begun_s

        return self._memory.ask(samples.tobytes(), judge)


class RememberedWords:
    """See ``UtteranceReader``; charged by what the reader says the first answer took."""

    def __init__(self, reader: UtteranceReader) -> None:
        self._reader = reader
        self._memory = _Memory[float | None]()

    @property
    def last_inference_s(self) -> float:
        return self._memory.last_s

    def logit(self, text: str) -> float | None:
        def judge() -> tuple[float | None, float]:
            return self._reader.logit(text), self._reader.last_inference_s

        return self._memory.ask(text, judge)
