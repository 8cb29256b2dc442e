"""The engine in virtual time: one thread, 10 ms at a time, the room's clock waits for the model.

What the model and the predictor compute is charged to that clock, so latencies mean what they mean
in real time while silence costs nothing.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from app.dialogue.dialogue import Dialogue
from app.dialogue.events import DialogueEvent, EchoConvergenceChanged, named
from app.engine.duplex import view_of
from audio_io.capture import CapturePipeline
from audio_io.frames import UserFrame
from audio_io.playback import Player
from audio_io.virtual_room import VirtualRoom
from model.events import ModelEvent
from model.interfaces import DuplexPredictor
from model.requests import ModelRequest
from model.types import DuplexPrediction

_TICK_MS = 10


class VirtualTimeWorker(Protocol):
    """A model worker that works only when pumped and says when its answers are due.

    What ``start`` loads is reported by the next ``pump``.
    """

    def start(self) -> None:
        """Load the model."""
        ...

    def send(self, request: ModelRequest) -> None:
        """Queue a request for the next step."""
        ...

    def stop(self) -> None:
        """Close the model."""
        ...

    def pump(self, now_s: float) -> Sequence[tuple[float, ModelEvent]]:
        """Work on what was sent; return (virtual time at which it is done, event), in order."""
        ...


class VirtualTimeEngine:
    """Room, capture, predictor, dialogue, model and loudspeaker in lock-step.

    Attributes:
        listeners: called with every event the dialogue handles, and its time.
    """

    def __init__(
        self,
        room: VirtualRoom,
        capture: CapturePipeline,
        player: Player,
        predictor: DuplexPredictor,
        worker: VirtualTimeWorker,
        dialogue: Dialogue,
        prediction_cost_s: Callable[[], float],
    ) -> None:
        self.room = room
        self.dialogue = dialogue
        self.listeners: list[Callable[[DialogueEvent, float], None]] = []
        self._capture = capture
        self._player = player
        self._predictor = predictor
        self._worker = worker
        self._prediction_cost_s = prediction_cost_s
        self._model_events: deque[tuple[float, ModelEvent]] = deque()
        self._predictions: deque[tuple[float, DuplexPrediction]] = deque()
        self._predictor_free_at_s = 0.0
        self._has_converged = False

    @property
    def now_s(self) -> float:
        """Virtual time in seconds, on the microphone's clock."""
        return self._capture.now_s

    def tick(self) -> None:
        """Let 10 ms pass."""
        self.room.advance(_TICK_MS)
        for output in self._capture.process_available():
            if isinstance(output, UserFrame):
                self._hear(output)
            else:
                self._handle(output, self.now_s)
        self._report_convergence()
        self._model_events.extend(self._worker.pump(self.now_s))
        self._deliver()
        self.dialogue.fire_due(self.now_s)
        for event in self._player.pump(self.now_s):
            self._handle(event, self.now_s)

    def _hear(self, frame: UserFrame) -> None:
        self.dialogue.feed(frame.for_words)
        prediction = view_of(self.dialogue).predict(self._predictor, frame)
        begins_s = max(self._predictor_free_at_s, self.now_s)
        self._predictor_free_at_s = begins_s + self._prediction_cost_s()
        if prediction is not None:
            self._predictions.append((self._predictor_free_at_s, prediction))

    def _report_convergence(self) -> None:
        has_converged = self._capture.canceller.has_converged
        if has_converged != self._has_converged:
            self._has_converged = has_converged
            self._handle(EchoConvergenceChanged(has_converged), self.now_s)

    def _deliver(self) -> None:
        now_s = self.now_s
        while self._predictions and self._predictions[0][0] <= now_s:
            self._handle(self._predictions.popleft()[1], now_s)
        while self._model_events and self._model_events[0][0] <= now_s:
            self._handle(named(self._model_events.popleft()[1]), now_s)

    def _handle(self, event: DialogueEvent, now_s: float) -> None:
        self.dialogue.handle(event, now_s)
        for listener in self.listeners:
            listener(event, now_s)
