"""What a replay needs to know, as it happens: steps of the predictor and steps of the dialogue.

Watches without changing anything. Knows neither files nor threads; a sink must be quick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.dialogue.state import DialogueStepped
from app.settings.settings import Settings
from audio_io.frames import UserFrame
from model.interfaces import DuplexPredictor
from model.types import AgentState, DuplexPrediction


@dataclass(frozen=True, slots=True, eq=False)
class PredictorBegan:
    """A fresh predictor made for ``settings`` takes its first step next."""

    settings: Settings


@dataclass(frozen=True, slots=True, eq=False)
class PredictorReset:
    """It was told to forget."""


@dataclass(frozen=True, slots=True, eq=False)
class PredictorStepped:
    """10 ms and what was said about them."""

    user: UserFrame
    agent: AgentState
    prediction: DuplexPrediction | None


Moment = PredictorBegan | PredictorReset | PredictorStepped | DialogueStepped
Sink = Callable[[Moment], None]


class WatchedPredictor:
    """A ``DuplexPredictor`` whose every step is told to ``sink``; it must be a fresh one."""

    def __init__(self, predictor: DuplexPredictor, settings: Settings, sink: Sink) -> None:
        self._predictor = predictor
        self._settings = settings
        self._sink = sink
        self._has_begun = False

    def step(self, user: UserFrame, agent: AgentState) -> DuplexPrediction | None:
        """The predictor's own answer."""
        if not self._has_begun:
            self._has_begun = True
            self._sink(PredictorBegan(self._settings))
        prediction = self._predictor.step(user, agent)
        self._sink(PredictorStepped(user, agent, prediction))
        return prediction

    def reset(self) -> None:
        """The predictor's own."""
        self._predictor.reset()
        self._sink(PredictorReset())
