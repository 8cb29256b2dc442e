"""One predictor over a recording that was heard; what it says is late by its computing time.

Slow detectors that several predictors ask the same answer once and are charged each time.
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.end_of_turn_detectors import UtteranceScorer
from model.duplex.offline import FRAME, HeardFrame
from model.duplex.smart_turn import TurnClassifier
from model.duplex.text_turn_detector import State
from model.interfaces import DuplexPredictor
from model.types import AgentState, DuplexPrediction

N_ANSWERS = 64  # more than one recording's; a sound of 8 s takes half a megabyte
FRAMES_A_STEP = 8  # 80 ms

Answer = TypeVar("Answer")


class _Cache(Generic[Answer]):
    """The latest answers, with what each took in seconds."""

    def __init__(self) -> None:
        self._answers: dict[Hashable, tuple[Answer, float]] = {}
        self.last_inference_s = 0.0

    def _ask(self, key: Hashable, detector: Callable[[], tuple[Answer, float]]) -> Answer:
        if key not in self._answers:
            if len(self._answers) >= N_ANSWERS:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = detector()
        answer, self.last_inference_s = self._answers[key]
        return answer


class CachedTurnClassifier(_Cache[float]):
    """A ``TurnClassifier`` that charges the seconds of one core that the first answer took."""

    def __init__(self, classifier: TurnClassifier) -> None:
        super().__init__()
        self._classifier = classifier

    def p_complete(self, samples: Samples) -> float:
        """Return the classifier's answer; float32 (n,) at 16 kHz."""

        def asked() -> tuple[float, float]:
            begun_s = time.thread_time()
            return self._classifier.p_complete(samples), time.thread_time() - begun_s

        return self._ask(samples.tobytes(), asked)


class CachedUtteranceScorer(_Cache[tuple[float | None, State | None]]):
    """An ``UtteranceScorer`` that charges what the scorer says the first answer took."""

    def __init__(self, scorer: UtteranceScorer) -> None:
        super().__init__()
        self._scorer = scorer

    def logit(self, text: str) -> float | None:
        """Return the scorer's answer."""
        return self._read(text)[0]

    def state(self, text: str) -> State | None:
        """Return the scorer's state."""
        return self._read(text)[1]

    def _read(self, text: str) -> tuple[float | None, State | None]:
        def asked() -> tuple[tuple[float | None, State | None], float]:
            logit = self._scorer.logit(text)
            return (logit, self._scorer.state(text)), self._scorer.last_inference_s

        return self._ask(text, asked)


class Predictor(DuplexPredictor, Protocol):
    """A predictor that says how long its networks just took, in whichever process."""

    @property
    def last_inference_s(self) -> float:
        """Return the seconds of one core."""
        ...


@dataclass(frozen=True, slots=True)
class Predicted:
    """A prediction and when it was there, computing time included."""

    prediction: DuplexPrediction
    available_s: float


@dataclass(slots=True)
class StepCost:
    """Seconds of one core that every frame of 10 ms took."""

    frames_s: list[float] = field(default_factory=list[float])

    @property
    def core_percent(self) -> float | None:
        """Return the load in percent of one core."""
        heard_s = len(self.frames_s) * FRAME / ENGINE_RATE_HZ
        return 100.0 * sum(self.frames_s) / heard_s if heard_s else None

    @property
    def mean_step_ms(self) -> float | None:
        """Return milliseconds per step of 80 ms."""
        steps_s = self._steps_s()
        return 1000.0 * float(steps_s.mean()) if len(steps_s) else None

    @property
    def p99_step_ms(self) -> float | None:
        """Return milliseconds per step of 80 ms; a few steps ask a slow network."""
        steps_s = self._steps_s()
        return 1000.0 * float(np.percentile(steps_s, 99)) if len(steps_s) else None

    def _steps_s(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        n = len(self.frames_s) // FRAMES_A_STEP
        whole = np.asarray(self.frames_s[: n * FRAMES_A_STEP], np.float64)
        return whole.reshape(n, FRAMES_A_STEP).sum(axis=1)


class PredictorRun:
    """One predictor over one recording; its inference delays what it says next."""

    def __init__(self, predictor: Predictor, cost: StepCost) -> None:
        self._predictor = predictor
        self._cost = cost
        self._free_at_s = 0.0

    def step(self, heard: HeardFrame, *, is_agent_speaking: bool = False) -> Predicted | None:
        """Return what the predictor says of the next 10 ms."""
        begun_s = time.thread_time()
        prediction = self._predictor.step(heard.user, AgentState(is_agent_speaking))
        spent_s = time.thread_time() - begun_s
        inference_s = self._predictor.last_inference_s
        self._cost.frames_s.append(max(spent_s, inference_s))
        now_s = heard.user.clean.end_s
        self._free_at_s = max(self._free_at_s, now_s) + inference_s
        if prediction is None:
            return None
        return Predicted(prediction, max(now_s, self._free_at_s))

    def reset(self) -> None:
        """Let the predictor forget."""
        self._predictor.reset()
