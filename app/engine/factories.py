"""What the composition root hands to those who put an engine together: makers of each role."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.engine.rules import Phrases
from app.engine.virtual_time import VirtualTimeWorker
from app.settings.settings import Settings
from audio_io.frames import Samples
from audio_io.interfaces import (
    EchoCanceller,
    StreamRequest,
    VoiceActivityDetector,
    WordSpotter,
)
from audio_io.thread_priority import ThreadPriority, UnchangedPriority
from audio_io.watchdog import DeviceWatchdog, RestartableBackend
from model.events import ModelEvent
from model.interfaces import DuplexPredictor
from model.requests import ModelRequest


class Worker(Protocol):
    """A model on its own process or thread, reached by messages."""

    @property
    def n_dropped(self) -> int:
        """Return how many frames of the user waited too long for the model since its start."""
        ...

    def start(self) -> None:
        """Start the worker; events follow when the model is loaded."""
        ...

    def send(self, request: ModelRequest) -> None:
        """Hand the model a request. Any thread."""
        ...

    def restart(self) -> None:
        """Start the worker again after it died."""
        ...

    def stop(self) -> None:
        """Stop the worker and join it."""
        ...


@dataclass(frozen=True, slots=True)
class Factories:
    """Makers; each call makes a fresh one.

    Attributes:
        prediction_cost_s: what one prediction costs in virtual time, given its predictor.
        synthesize: text and voice preset to 16 kHz speech, for scenes that are written.
        resident_mb: memory of this process.
        is_heavy: the chosen model may fail for want of memory.
        spotter: None without its weights.
        predictor_weights: what predictors are made of, by name: a checksum, "" where it is missing.
        priority: raises the threads that carry sound; one for the whole program.
    """

    phrases: Phrases
    canceller: Callable[[Settings], EchoCanceller]
    detector: Callable[[], VoiceActivityDetector]
    predictor: Callable[[Settings], DuplexPredictor]
    prediction_cost_s: Callable[[DuplexPredictor], float]
    backend: Callable[[Settings], RestartableBackend]
    watchdog: Callable[[RestartableBackend, StreamRequest], DeviceWatchdog]
    worker: Callable[[Settings, Callable[[ModelEvent], None]], Worker]
    inline_worker: Callable[[Settings], VirtualTimeWorker]
    synthesize: Callable[[str, str], Samples]
    resident_mb: Callable[[], float]
    spotter: Callable[[], WordSpotter | None] = lambda: None
    is_heavy: Callable[[Settings], bool] = lambda _settings: False
    predictor_weights: Callable[[], Mapping[str, str]] = dict[str, str]
    priority: ThreadPriority = field(default_factory=UnchangedPriority)
