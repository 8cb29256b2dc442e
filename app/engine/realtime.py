"""The engine in real time: capture, duplex, controller and playback, each on its own thread."""

import logging
from collections import deque
from collections.abc import Callable
from threading import Event

from app.dialogue.dialogue import Dialogue
from app.dialogue.events import DialogueEvent, EchoConvergenceChanged, WorkerFailed
from app.dialogue.reply_buffer import PlayerCommand
from app.engine.bounded_queue import BoundedQueue, Overflow, QueueStats
from app.engine.clock import StreamTime
from app.engine.duplex import DialogueView, view_of
from app.engine.threads import OnFailure, ThreadGroup
from audio_io.capture import CapturePipeline
from audio_io.frames import UserFrame
from audio_io.interfaces import AudioBackend
from audio_io.playback import Player
from audio_io.renderer import OutputRenderer
from audio_io.thread_priority import ThreadPriority, UnchangedPriority
from model.interfaces import DuplexPredictor

logger = logging.getLogger(__name__)

_INBOX_ITEMS = 16_384  # more than two minutes of frames: only a stuck controller fills it
_DUPLEX_FRAMES = 200  # 2 s; older audio is worth nothing to a prediction
_COMMANDS = 4096
_IDLE_S = 0.1  # the controller looks at its timers this often when nothing arrives

Item = DialogueEvent | UserFrame | Callable[[], object]


class RealtimeEngine:
    """Owns four threads around parts that are used on exactly one of them each.

    Attributes:
        listeners: called on the controller thread with every event and its time.
        tick_listeners: called there with the time after each batch of events.
        audio_listeners: called there with every 10 ms of the user.
        failure_listeners: called on a thread that has failed, with its name, the message, and
            whether it has ended; otherwise it goes on with what comes next.
    """

    def __init__(
        self,
        backend: AudioBackend,
        capture: CapturePipeline,
        player: Player,
        predictor: DuplexPredictor,
        dialogue: Dialogue,
        time: StreamTime,
        priority: ThreadPriority | None = None,
    ) -> None:
        self.backend = backend
        self.capture = capture
        self.dialogue = dialogue
        self.time = time
        self.listeners: list[Callable[[DialogueEvent, float], None]] = []
        self.tick_listeners: list[Callable[[float], None]] = []
        self.audio_listeners: list[Callable[[UserFrame], None]] = []
        self.failure_listeners: list[OnFailure] = []
        self._player = player
        self._predictor = predictor
        self._priority = priority or UnchangedPriority()
        self._inbox = BoundedQueue[Item]("inbox", _INBOX_ITEMS, Overflow.DROP_OLDEST)
        self._frames = BoundedQueue[UserFrame]("duplex", _DUPLEX_FRAMES, Overflow.DROP_OLDEST)
        self._commands = BoundedQueue[PlayerCommand]("loudspeaker", _COMMANDS, Overflow.REFUSE)
        self._threads = ThreadGroup(self._thread_failed)
        self._batch: deque[Item] = deque()
        self._view = DialogueView()
        self._has_converged = False
        self._is_stopping = False
        self._has_new_streams = Event()
        self.is_running = False

    def start_thread(self, name: str, body: Callable[[], None], stop: Callable[[], None]) -> None:
        """Start one more thread, to be joined with the others."""
        self._threads.start(name, body, stop)

    def start(self) -> None:
        """Start the threads; the owner starts the streams."""
        self.time.begin()
        self.is_running = True
        self._threads.start("playback", self._play, self._stop_playback)
        self._threads.start("controller", self._control, self._inbox.close)
        self._threads.start("duplex", self._predict, self._frames.close)
        self._threads.start("capture", self._capture_loop, self._stop_capture)

    def stop(self) -> tuple[str, ...]:
        """Stop threads and streams; return the names of threads that did not end."""
        self._is_stopping = True
        self.is_running = False
        return self._threads.join()

    def post(self, item: Item) -> None:
        """Hand the controller's thread an event, or a call to make. Any thread."""
        self._inbox.put(item)

    def tell_player(self, command: PlayerCommand) -> None:
        """Have the player obey on its own thread; order is kept. Any thread."""
        self._commands.put(command)
        self.backend.renderer.wake.ring()

    def attach_devices(self) -> None:
        """Go on with the other streams that the back end has opened. Any thread."""
        self._has_new_streams.set()
        self.backend.mic_wake.ring()
        self.attach_playback(self.backend.renderer, self.backend.format.output_latency_s)

    def attach_playback(self, renderer: OutputRenderer, latency_s: float) -> None:
        """Let replies go on at ``renderer`` from the last word heard. Any thread."""
        self.tell_player(lambda player: player.attach(renderer, latency_s))

    def set_volume(self, gain_db: float) -> None:
        """Set the level of all replies. Any thread."""
        self.tell_player(lambda player: player.set_volume(gain_db))

    def use_predictor(self, predictor: DuplexPredictor) -> None:
        """Ask another predictor from the next frame on. Any thread."""
        self._predictor = predictor

    def queue_stats(self) -> tuple[QueueStats, ...]:
        """Return the statistics of every queue between the threads."""
        return (self._inbox.stats(), self._frames.stats(), self._commands.stats())

    def _capture_loop(self) -> None:
        self._priority.raise_this_thread("capture")
        while not self._is_stopping:
            self.backend.mic_wake.wait(_IDLE_S)
            if self._has_new_streams.is_set():
                self._has_new_streams.clear()
                self._attach_capture()
            outputs = self.capture.process_available()
            if outputs:
                self.time.sync(self.capture.now_s)
            for output in outputs:
                if isinstance(output, UserFrame):
                    self._frames.put(output)
                self._inbox.put(output)
            if self.capture.canceller.has_converged != self._has_converged:
                self._has_converged = not self._has_converged
                self._inbox.put(EchoConvergenceChanged(self._has_converged))

    def _attach_capture(self) -> None:
        """The microphone's clock goes on as if it had run all the time."""
        form, ring = self.backend.format, self.backend.mic_ring
        begins_s = self.time.now_s() - len(ring) / form.mic_rate_hz
        self.capture.attach(self.backend, max(0.0, begins_s - self.capture.now_s))
        self.time.restart()

    def _predict(self) -> None:
        while not self._frames.is_closed:
            for frame in self._frames.take_all():
                prediction = self._view.predict(self._predictor, frame)
                if prediction is not None:
                    self._inbox.put(prediction)

    def _control(self) -> None:
        while not self._inbox.is_closed:
            self._batch.extend(self._inbox.take_all(self._idle_s()))
            while self._batch:  # one that raises is lost, those behind it are not
                self._take(self._batch.popleft())
            self._finish_batch()

    def _finish_batch(self) -> None:
        now_s = self.time.now_s()
        self.dialogue.fire_due(now_s)
        self._view = view_of(self.dialogue)
        for listener in self.tick_listeners:
            listener(now_s)

    def _take(self, item: Item) -> None:
        if isinstance(item, UserFrame):
            self.dialogue.feed(item.for_words)
            for listen in self.audio_listeners:
                listen(item)
        elif callable(item):
            item()
        else:
            now_s = self.time.now_s()
            self.dialogue.handle(item, now_s)
            for listener in self.listeners:
                listener(item, now_s)

    def _idle_s(self) -> float:
        deadline_s = self.dialogue.next_deadline_s()
        if deadline_s is None:
            return _IDLE_S
        return min(_IDLE_S, max(0.0, deadline_s - self.time.now_s()))

    def _play(self) -> None:
        self._priority.raise_this_thread("playback")
        while not self._is_stopping:
            self.backend.renderer.wake.wait(_IDLE_S)
            for command in self._commands.take_all(0.0):
                command(self._player)
            # What is in the air now reaches capture one input latency later.
            air_s = self.time.now_s() + self.backend.format.input_latency_s
            for event in self._player.pump(air_s):
                self._inbox.put(event)

    def _stop_capture(self) -> None:
        self.backend.stop()
        self.backend.mic_wake.ring()

    def _stop_playback(self) -> None:
        self.backend.renderer.wake.ring()

    def _thread_failed(self, name: str, message: str, is_over: bool) -> None:
        self._inbox.put(WorkerFailed(name, message))
        for listener in self.failure_listeners:
            listener(name, message, is_over)
        if is_over and name == "controller" and not self._is_stopping:
            self._say_last_words()

    def _say_last_words(self) -> None:
        """The controller has ended: what its listeners were told is shown once more."""
        try:
            for item in self._inbox.take_all(0.0):
                if callable(item):
                    item()
            for listener in self.tick_listeners:
                listener(self.time.now_s())
        except Exception:  # it may be what has failed before; the thread ends anyway
            logger.exception("the last picture could not be made")
