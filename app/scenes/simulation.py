"""An engine around a virtual room, in real or in virtual time, with a simulated user in it."""

import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from time import perf_counter, process_time

import numpy as np

from app.dialogue.conversation import Conversation
from app.dialogue.dialogue import Dialogue, DialoguePorts
from app.dialogue.events import DialogueEvent, ModelReady, WorkerStats, named
from app.dialogue.reply_buffer import PlayerCommand, TellPlayer
from app.dialogue.timeline import Entry, Timeline
from app.dialogue.trace import DialogueTrace
from app.engine.clock import MonotonicClock, StreamTime
from app.engine.factories import Factories
from app.engine.realtime import RealtimeEngine
from app.engine.rules import (
    dialogue_rules,
    segmenter_settings,
    stream_request,
    voice_choice,
)
from app.engine.virtual_time import VirtualTimeEngine
from app.history.store import HistoryStore
from app.replay.writer import Moment, WatchedPredictor
from app.scenes.scene_file import Scene
from app.scenes.user_script import Line, SpokenLine, UserSimulator
from app.settings.settings import Settings
from audio_io.capture import CapturePipeline
from audio_io.frames import Samples
from audio_io.playback import Player
from audio_io.virtual_room import RoomSettings, VirtualRoom
from model.interfaces import DuplexPredictor
from model.requests import ModelRequest


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """How a scene is run; ``keeps_replay`` costs 260 kB of memory a second."""

    is_virtual_time: bool = False
    model: str = ""
    seed: int = 0
    keeps_replay: bool = False


@dataclass(frozen=True, slots=True)
class TransportCounts:
    """What went wrong on the way between devices, threads and model.

    Attributes:
        n_input_overflows, n_output_underflows, n_late_callbacks, max_callback_gap_ms: see
            ``StreamStats``.
        n_starvations: times a reply ran dry.
        n_reference_shifts: see ``EchoReference``.
        n_lost: items that did not fit a queue between two threads.
    """

    n_input_overflows: int
    n_output_underflows: int
    n_late_callbacks: int
    max_callback_gap_ms: float
    n_starvations: int
    n_reference_shifts: int
    n_lost: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SimulationResult:
    """Raw outcome of a scene; sound is 16 kHz, sample-aligned. ``moments`` are for a replay."""

    model: str
    is_virtual_time: bool
    seconds: float
    spoken: tuple[SpokenLine, ...]
    timeline: tuple[Entry, ...]
    microphone: Samples
    loudspeaker: Samples
    clean_user: Samples
    transport: TransportCounts
    real_time_factor: float
    peak_memory_mb: float
    load_s: float
    echo_return_loss_db: float | None
    moments: tuple[Moment, ...] = ()


class Simulation:
    """A scene ready to run, once.

    Attributes:
        timeline: what has happened so far.
    """

    def __init__(
        self,
        scene: Scene,
        lines: tuple[Line, ...],
        room: RoomSettings,
        factories: Factories,
        settings: Settings,
        options: SceneOptions,
    ) -> None:
        self.timeline = Timeline(max_entries=None)
        self._settings = settings
        self._options = options
        self._factories = factories
        self._clean: list[Samples] = []
        self._moments: list[Moment] = []  # appending is safe from any thread
        self._load_s = 0.0
        self._worker_peak_mb = 0.0
        self._n_lost = 0
        self._done = Event()
        self._room = VirtualRoom(
            room,
            options.seed,
            is_realtime=not options.is_virtual_time,
            priority=factories.priority,
        )
        self._room.open(stream_request(settings))
        self._capture = CapturePipeline(
            self._room,
            factories.canceller(settings),
            factories.detector(),
            segmenter_settings(settings),
            tap=lambda _mic, _far, clean: self._clean.append(clean.copy()),
            spotter=factories.spotter(),
        )
        self._player = Player(self._room.renderer, self._room.format.output_latency_s)
        self._predictor = factories.predictor(settings)
        self._watched: DuplexPredictor = self._predictor
        if options.keeps_replay:
            self._watched = WatchedPredictor(self._predictor, settings, self._moments.append)
        self._user = UserSimulator(scene, lines, self._room.say, self.timeline.record)

    def run(self) -> SimulationResult:
        """Run to the end of the scene."""
        if self._options.is_virtual_time:
            return self._run_in_virtual_time()
        return self._run_in_real_time()

    def end(self) -> None:
        """End the scene early. Any thread."""
        self._done.set()

    def _run_in_virtual_time(self) -> SimulationResult:
        """As fast as the engine allows."""
        worker = self._factories.inline_worker(self._settings)
        dialogue = self._dialogue(lambda command: command(self._player), worker.send, worker.start)
        engine = VirtualTimeEngine(
            self._room,
            self._capture,
            self._player,
            self._watched,
            worker,
            dialogue,
            lambda: self._factories.prediction_cost_s(self._predictor),
        )
        engine.listeners.append(self._note)
        try:
            worker.start()
            begin_s = perf_counter()
            while not (self._user.is_over or self._done.is_set()):
                engine.tick()
                self._user.on_tick(engine.now_s, dialogue.state)
            spent_s = perf_counter() - begin_s
        finally:
            worker.stop()
        return self._result(spent_s, peak_memory_mb())

    def _run_in_real_time(self) -> SimulationResult:
        """With the threads and the worker process of the window, the room paced by the clock."""
        worker = self._factories.worker(self._settings, lambda event: engine.post(named(event)))

        def tell_player(command: PlayerCommand) -> None:
            engine.tell_player(command)

        dialogue = self._dialogue(tell_player, worker.send, worker.restart)
        engine = RealtimeEngine(
            self._room,
            self._capture,
            self._player,
            self._watched,
            dialogue,
            StreamTime(MonotonicClock()),
            self._factories.priority,
        )

        def tick(now_s: float) -> None:
            self._user.on_tick(now_s, dialogue.state)
            if self._user.is_over:
                self.end()

        engine.listeners.append(self._note)
        engine.tick_listeners.append(tick)
        begin_cpu_s = process_time()
        try:
            worker.start()
            engine.start()
            self._room.start()
            self._done.wait()
        finally:
            worker.stop()
            engine.stop()
        lost = (queue.n_lost for queue in engine.queue_stats())
        self._n_lost = worker.n_dropped + sum(lost)
        spent_s = process_time() - begin_cpu_s
        return self._result(spent_s, peak_memory_mb() + self._worker_peak_mb)

    def _dialogue(
        self,
        tell_player: TellPlayer,
        send: Callable[[ModelRequest], None],
        restart_model: Callable[[], None],
    ) -> Dialogue:
        ports = DialoguePorts(
            tell_player=tell_player,
            send=send,
            restart_model=restart_model,
            set_microphone=self._set_microphone,
            report_error=lambda _message: None,  # the timeline has the event behind it
        )
        dialogue = Dialogue(
            ports,
            Conversation(HistoryStore(None), lambda _notice: None),  # kept in memory only
            DialogueTrace(self.timeline),
            dialogue_rules(self._settings, self._factories.phrases),
            self._settings.overlap,
            voice_choice(self._settings),
        )
        if self._options.keeps_replay:
            dialogue.trace.step_listeners.append(self._moments.append)
        return dialogue

    def _set_microphone(self, is_open: bool) -> None:
        self._capture.is_mic_open = is_open

    def _note(self, event: DialogueEvent, now_s: float) -> None:
        self._user.on_event(event, now_s)
        if isinstance(event, ModelReady):
            self._load_s = event.load_s
            self.timeline.record("ready", now_s, model=event.name, load_s=round(event.load_s, 1))
        elif isinstance(event, WorkerStats):
            self._worker_peak_mb = max(self._worker_peak_mb, event.peak_mb)

    def _result(self, spent_s: float, peak_mb: float) -> SimulationResult:
        recording, stats = self._room.recording(), self._room.stats()
        return SimulationResult(
            model=self._settings.model.name,
            is_virtual_time=self._options.is_virtual_time,
            seconds=self._room.now_s,
            spoken=tuple(self._user.spoken),
            timeline=self.timeline.entries(),
            microphone=recording.microphone,
            loudspeaker=recording.loudspeaker,
            clean_user=np.concatenate([np.empty(0, np.float32), *self._clean]),
            transport=TransportCounts(
                n_input_overflows=stats.n_input_overflows,
                n_output_underflows=stats.n_output_underflows,
                n_late_callbacks=stats.n_late_callbacks,
                max_callback_gap_ms=stats.max_callback_gap_ms,
                n_starvations=self._room.renderer.n_starvations,
                n_reference_shifts=self._capture.reference.n_shifts,
                n_lost=self._n_lost,
            ),
            real_time_factor=spent_s / self._room.now_s,
            peak_memory_mb=peak_mb,
            load_s=self._load_s,
            echo_return_loss_db=self._capture.canceller.echo_return_loss_db,
            moments=tuple(self._moments),
        )


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process in MB."""
    unit = 1024.0 if sys.platform != "darwin" else 1024.0 * 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
