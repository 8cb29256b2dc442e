"""The engine in real time: capture, duplex, controller and playback, each on its own thread.

The same parts run in virtual time in ``app.freewheel``. Does not know Qt, settings or files.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from app.crew import Crew
from app.dialogue import Dialogue
from app.dialogue_view import view_of
from app.duplex_runner import DialogueView, DuplexRunner
from app.events import DialogueEvent, EchoConvergenceChanged, WorkerFailed
from app.mailbox import Mailbox, MailboxStats, Overflow
from app.stream_time import StreamTime
from audio_io.capture import CapturePipeline
from audio_io.events import UserAudio
from audio_io.interfaces import AudioBackend
from audio_io.playback import Player

_INBOX_ITEMS = 16_384  # more than two minutes of frames: only a stuck controller fills it
_DUPLEX_FRAMES = 200  # 2 s; older audio is worth nothing to a prediction
_COMMANDS = 4096
_IDLE_S = 0.1  # the controller looks at its timers this often when nothing arrives

Item = DialogueEvent | UserAudio | Callable[[], object]


class TickListener(Protocol):
    """Called on the controller's thread after every batch of events."""

    def __call__(self, now_s: float) -> None: ...


class RealtimeEngine:
    """Owns four threads around parts that are used on exactly one of them each.

    Attributes:
        listeners: called on the controller thread with every event and its time.
        tick_listeners: called there after each batch.
        audio_listeners: called there with every 10 ms of the user.
    """

    def __init__(
        self,
        backend: AudioBackend,
        capture: CapturePipeline,
        player: Player,
        runner: DuplexRunner,
        dialogue: Dialogue,
        time: StreamTime,
        speaker_box: Mailbox[Callable[[], object]],
    ) -> None:
        self.backend = backend
        self.capture = capture
        self.player = player
        self.dialogue = dialogue
        self.time = time
        self.listeners: list[Callable[[DialogueEvent, float], None]] = []
        self.tick_listeners: list[TickListener] = []
        self.audio_listeners: list[Callable[[UserAudio], None]] = []
        self._runner = runner
        self._inbox: Mailbox[Item] = Mailbox("inbox", _INBOX_ITEMS, Overflow.DROP_OLDEST)
        self._frames: Mailbox[UserAudio] = Mailbox("duplex", _DUPLEX_FRAMES, Overflow.DROP_OLDEST)
        self._speaker_box = speaker_box
        self._crew = Crew(self._thread_failed)
        self._view = DialogueView()
        self._is_stopping = False
        self._gap_s: float | None = None  # set by the devices thread, taken by capture

    # -- life ----------------------------------------------------------------------------------

    def hire(self, name: str, body: Callable[[], None], stop: Callable[[], None]) -> None:
        """One more thread, joined with the others."""
        self._crew.hire(name, body, stop)

    def start(self) -> None:
        """Starts the threads; the owner starts the streams."""
        self._crew.hire("playback", self._play, self._stop_playback)
        self._crew.hire("controller", self._control, self._inbox.close)
        self._crew.hire("duplex", self._predict, self._frames.close)
        self._crew.hire("capture", self._capture_loop, self._stop_capture)

    def stop(self) -> tuple[str, ...]:
        """Stops streams and threads; returns the names of threads that did not end."""
        self._is_stopping = True
        self.backend.stop()
        return self._crew.dismiss()

    def post(self, item: Item) -> None:
        """An event, or a call to be made on the controller's thread. Any thread."""
        self._inbox.put(item)

    def attach_devices(self, gap_s: float) -> None:
        """The back end has reopened its streams ``gap_s`` after they fell silent. Any thread."""
        self._gap_s = gap_s
        self.backend.mic_wake.ring()
        renderer, latency_s = self.backend.renderer, self.backend.format.output_latency_s
        self._speaker_box.put(partial(self.player.attach, renderer, latency_s))
        renderer.wake.ring()

    def queue_stats(self) -> tuple[MailboxStats, ...]:
        return (self._inbox.stats(), self._frames.stats(), self._speaker_box.stats())

    # -- thread bodies -------------------------------------------------------------------------

    def _capture_loop(self) -> None:
        has_converged = False
        while not self._is_stopping:
            self.backend.mic_wake.wait(_IDLE_S)
            gap_s, self._gap_s = self._gap_s, None
            if gap_s is not None:
                self.capture.attach(self.backend, gap_s)
            outputs = self.capture.process_available()
            if outputs:
                self.time.sync(self.capture.now_s)
            for output in outputs:
                if isinstance(output, UserAudio):
                    self._frames.put(output)
                self._inbox.put(output)
            if self.capture.canceller.has_converged != has_converged:
                has_converged = not has_converged
                self._inbox.put(EchoConvergenceChanged(has_converged))

    def _predict(self) -> None:
        while not self._frames.is_closed:
            for audio in self._frames.take_all():
                prediction = self._runner.step(audio, self._view)
                if prediction is not None:
                    self._inbox.put(prediction)

    def _control(self) -> None:
        while not self._inbox.is_closed:
            for item in self._inbox.take_all(self._patience_s()):
                self._take(item)
            now_s = self.time.now_s()
            self.dialogue.fire_due(now_s)
            self._view = view_of(self.dialogue)
            for listener in self.tick_listeners:
                listener(now_s)

    def _take(self, item: Item) -> None:
        if isinstance(item, UserAudio):
            self.dialogue.feed(item.clean)
            for listen in self.audio_listeners:
                listen(item)
        elif callable(item):
            item()
        else:
            now_s = self.time.now_s()
            self.dialogue.handle(item, now_s)
            for listener in self.listeners:
                listener(item, now_s)

    def _patience_s(self) -> float:
        deadline_s = self.dialogue.next_deadline_s()
        if deadline_s is None:
            return _IDLE_S
        return min(_IDLE_S, max(0.0, deadline_s - self.time.now_s()))

    def _play(self) -> None:
        while not self._is_stopping:
            self.backend.renderer.wake.wait(_IDLE_S)
            for command in self._speaker_box.take_all(0.0):
                command()
            for event in self.player.pump(self.time.now_s()):
                self._inbox.put(event)

    # -- stopping ------------------------------------------------------------------------------

    def _stop_capture(self) -> None:
        self.backend.mic_wake.ring()

    def _stop_playback(self) -> None:
        self.backend.renderer.wake.ring()

    def _thread_failed(self, name: str, message: str) -> None:
        self._inbox.put(WorkerFailed(name, message))


def speaker_mailbox() -> Mailbox[Callable[[], object]]:
    """Commands on their way to the playback thread."""
    return Mailbox("loudspeaker", _COMMANDS, Overflow.REFUSE)
