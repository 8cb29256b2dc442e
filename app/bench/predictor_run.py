"""One predictor over a recording that was heard; what it says is late by its computing time.

Knows neither labels nor scores, and no implementation of a predictor.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from audio_io.frames import ENGINE_RATE_HZ
from model.duplex.listening import FRAME, HeardFrame
from model.interfaces import AgentState, DuplexPrediction, DuplexPredictor


class Predictor(DuplexPredictor, Protocol):
    """A predictor that says how long its network just took."""

    @property
    def last_inference_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Predicted:
    """A prediction and when it was there, computing time included."""

    prediction: DuplexPrediction
    available_s: float


@dataclass(slots=True)
class PredictorCost:
    """What a predictor cost over some recordings; ``busy_s`` in CPU seconds."""

    busy_s: float = 0.0
    slowest_step_s: float = 0.0
    n_steps: int = 0

    @property
    def core_percent(self) -> float | None:
        heard_s = self.n_steps * FRAME / ENGINE_RATE_HZ
        return 100.0 * self.busy_s / heard_s if heard_s else None

    @property
    def mean_step_ms(self) -> float | None:
        return 1000.0 * self.busy_s / self.n_steps if self.n_steps else None


class PredictorRun:
    """One predictor over one recording; its inference delays what it says next."""

    def __init__(self, predictor: Predictor, cost: PredictorCost) -> None:
        self._predictor = predictor
        self._cost = cost
        self._free_at_s = 0.0

    def step(self, heard: HeardFrame, *, is_agent_speaking: bool = False) -> Predicted | None:
        begun_s = time.thread_time()
        agent = AgentState(is_agent_speaking, heard.far_dbfs)
        prediction = self._predictor.step(heard.user, agent)
        spent_s = time.thread_time() - begun_s
        self._cost.busy_s += spent_s
        self._cost.slowest_step_s = max(self._cost.slowest_step_s, spent_s)
        self._cost.n_steps += 1
        now_s = heard.user.frame.end_s
        self._free_at_s = max(self._free_at_s, now_s) + self._predictor.last_inference_s
        if prediction is None:
            return None
        return Predicted(prediction, max(now_s, self._free_at_s))

    def reset(self) -> None:
        self._predictor.reset()
