"""One predictor over a recording that was heard; what it says is late by its computing time.

Slow detectors that several predictors ask the same answer once and are charged each time, what they
take on an idle core.
"""

import copy
import hashlib
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.end_of_turn_detectors import UtteranceScorer
from model.duplex.offline import FRAME, HeardFrame
from model.duplex.smart_turn import SmartTurn, TurnClassifier
from model.duplex.text_turn_detector import State, spoken_words
from model.files.content_cache import Cache, Entry, address, file_hash
from model.interfaces import DuplexPredictor
from model.types import AgentState, DuplexPrediction

FRAMES_A_STEP = 8  # 80 ms
# What the slow detectors take on one idle 2.5 GHz core. Fixed, so that a busy machine does not move
# the table and two runs agree to the last digit;
SOUND_S = 0.06  # Smart Turn, 8 s of sound
WORD_S = 0.01  # the language model, each word that it has not read before

CLASSIFIER_SOURCE = Path(inspect.getfile(SmartTurn))

Answer = TypeVar("Answer")


class _Answers(Generic[Answer]):
    """What a detector said, so that whoever asks the same again does not pay for it."""

    def __init__(self) -> None:
        self._answers: dict[str, Answer] = {}

    @property
    def all(self) -> Mapping[str, Answer]:
        """Return every answer by the hash of what was asked."""
        return self._answers

    def know(self, answers: Mapping[str, Answer]) -> None:
        """Take answers that were given before."""
        self._answers |= answers

    def ask(self, what: bytes, detector: Callable[[], Answer]) -> Answer:
        key = hashlib.sha256(what).hexdigest()
        if key not in self._answers:
            self._answers[key] = detector()
        return self._answers[key]


class CachedTurnClassifier:
    """A ``TurnClassifier`` whose every answer costs ``SOUND_S``."""

    last_inference_s = SOUND_S

    def __init__(self, classifier: TurnClassifier, weights: Path | None = None) -> None:
        """Take answers for those of ``weights`` wherever they are kept; None: keep none."""
        self._classifier = classifier
        self._weights = weights
        self._answers = _Answers[float]()

    def recall(self, cache: Cache) -> None:
        """Take over what was answered in earlier runs."""
        kept = None if self._weights is None else cache.read(self._address(self._weights))
        if kept is not None:
            self._answers.know(kept.about)

    def keep(self, cache: Cache) -> None:
        """Keep all answers for the next run."""
        if self._weights is not None:
            self.recall(cache)  # another run may have kept more since
            cache.write(self._address(self._weights), Entry({}, self._answers.all))

    @staticmethod
    def _address(weights: Path) -> str:
        return address("answers", file_hash(weights), file_hash(CLASSIFIER_SOURCE))

    def p_complete(self, samples: Samples) -> float:
        """Return the classifier's answer; float32 (n,) at 16 kHz."""
        return self._answers.ask(samples.tobytes(), lambda: self._classifier.p_complete(samples))


class CachedUtteranceScorer:
    """An ``UtteranceScorer`` of one recording; each word that is new costs ``WORD_S``."""

    def __init__(self, scorer: UtteranceScorer) -> None:
        self._scorer = scorer
        self._answers = _Answers[tuple[float | None, State | None]]()
        self._last_words: tuple[str, ...] = ()
        self.last_inference_s = 0.0

    def for_one_recording(self) -> "CachedUtteranceScorer":
        """Return one that has read nothing; answers are shared."""
        fresh = copy.copy(self)
        fresh.forget()
        return fresh

    def forget(self) -> None:
        """Take every word for new."""
        self._last_words = ()
        self.last_inference_s = 0.0

    def logit(self, text: str) -> float | None:
        """Return the scorer's answer."""
        words = spoken_words(text)
        pairs = takewhile(
            lambda pair: pair[0] == pair[1], zip(words, self._last_words, strict=False)
        )
        n_known = len(list(pairs))
        self._last_words = words
        self.last_inference_s = WORD_S * (len(words) - n_known)
        return self._read(text)[0]

    def state(self, text: str) -> State | None:
        """Return the scorer's state; it was paid for with the answer."""
        return self._read(text)[1]

    def _read(self, text: str) -> tuple[float | None, State | None]:
        return self._answers.ask(
            text.encode(), lambda: (self._scorer.logit(text), self._scorer.state(text))
        )


class Predictor(DuplexPredictor, Protocol):
    """A predictor that says how long its slow detectors just took."""

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
        # what the slow detectors took just now, or were spared, is not what they take
        self._cost.frames_s.append(inference_s or spent_s)
        now_s = heard.user.clean.end_s
        self._free_at_s = max(self._free_at_s, now_s) + inference_s
        if prediction is None:
            return None
        return Predicted(prediction, max(now_s, self._free_at_s))

    def reset(self) -> None:
        """Let the predictor forget."""
        self._predictor.reset()
