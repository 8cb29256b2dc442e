"""An engine around a virtual room, in real or in virtual time, with a director on stage.

Puts together what ``app.main`` hands in; knows no file but what the scene names.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from time import perf_counter, process_time
from typing import Protocol

import numpy as np

from app.dialogue.audio_output import AudioOutput, QueuedAudioOutput
from app.dialogue.conversation import Conversation
from app.dialogue.dialogue import Dialogue, DialoguePorts
from app.dialogue.events import DialogueEvent, ModelReady, WorkerStats, named
from app.dialogue.timeline import Entry, Timeline
from app.dialogue.trace import DialogueTrace
from app.engine.clock import MonotonicClock, StreamTime
from app.engine.factories import Factories, Worker
from app.engine.realtime import RealtimeEngine, audio_output_queue
from app.engine.rules import (
    dialogue_rules,
    playback_rules,
    segmenter_settings,
    stream_request,
    voice_choice,
)
from app.engine.virtual_time import FreewheelEngine
from app.history.store import HistoryStore
from app.messages.notices import Notice
from app.replay.writer import Moment, WatchedPredictor
from app.scenes.scene_file import Scene
from app.scenes.user_script import Line, SpokenLine, UserSimulator
from app.settings.settings import Settings
from audio_io.capture import CapturePipeline
from audio_io.frames import Samples
from audio_io.playback import Player
from audio_io.virtual_room import RoomSettings, VirtualRoom
from model.events import ModelEvent
from model.interfaces import DuplexPredictor
from model.requests import ModelRequest


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
    n_input_overflows: int
    n_output_underflows: int
    n_starvations: int
    n_late_callbacks: int
    real_time_factor: float
    peak_memory_mb: float
    load_s: float
    echo_return_loss_db: float | None
    moments: tuple[Moment, ...] = ()


class Simulation(Protocol):
    """A scene ready to run."""

    @property
    def timeline(self) -> Timeline: ...
    def run(self) -> SimulationResult: ...
    def end(self) -> None:
        """End the scene early. Any thread."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SimulationConfig:
    """Everything a stage is built from."""

    scene: Scene
    lines: tuple[Line, ...]
    room: RoomSettings
    parts: Factories
    settings: Settings
    seed: int = 0
    keeps_replay: bool = False


def build_simulation(plan: SimulationConfig, *, is_virtual_time: bool) -> Simulation:
    """Nothing runs yet."""
    return VirtualTimeSimulation(plan) if is_virtual_time else RealtimeSimulation(plan)


class _Base:
    """What both stages share: room, capture, dialogue, director."""

    def __init__(self, plan: SimulationConfig, *, is_realtime: bool) -> None:
        settings, parts = plan.settings, plan.parts
        self.timeline = Timeline(max_entries=None)
        self._settings = settings
        self._parts = parts
        self._clean: list[Samples] = []
        self._keeps_replay = plan.keeps_replay
        self._moments: list[Moment] = []  # appending is safe from any thread
        self._load_s = 0.0
        self._worker_peak_mb = 0.0
        self._done = Event()
        self.room = VirtualRoom(plan.room, plan.seed, is_realtime=is_realtime)
        self.room.open(stream_request(settings))
        self._capture = CapturePipeline(
            self.room,
            parts.canceller(settings),
            parts.detector(),
            segmenter_settings(settings),
            tap=lambda _mic, _far, clean: self._clean.append(clean.copy()),
        )
        self._player = Player(self.room.renderer, self.room.format.output_latency_s)
        self._predictor = parts.predictor(settings)
        self._watched: DuplexPredictor = self._predictor
        if plan.keeps_replay:
            self._watched = WatchedPredictor(self._predictor, settings, self._moments.append)
        self._director = UserSimulator(plan.scene, plan.lines, self.room.say, self.timeline.record)

    def _dialogue(
        self,
        loudspeaker: AudioOutput,
        send: Callable[[ModelRequest], None],
        restart: Callable[[], None],
    ) -> Dialogue:
        store = HistoryStore(None)
        ports = DialoguePorts(
            loudspeaker=loudspeaker,
            send=send,
            restart_model=restart,
            set_microphone=self._set_microphone,
            report_error=lambda _message: None,  # the timeline has the event behind it
        )
        dialogue = Dialogue(
            ports,
            Conversation(store, self._ignore_notice),
            DialogueTrace(self.timeline),
            dialogue_rules(self._settings, self._parts.phrases),
            playback_rules(self._settings),
        )
        dialogue.voice = voice_choice(self._settings)
        if self._keeps_replay:
            dialogue.record.step_listeners.append(self._moments.append)
        return dialogue

    def end(self) -> None:
        """See ``Simulation``."""
        self._done.set()

    def _set_microphone(self, is_open: bool) -> None:
        self._capture.is_mic_open = is_open

    def _ignore_notice(self, notice: Notice) -> None:
        del notice  # a scene keeps its history in memory only

    def _note(self, event: DialogueEvent, now_s: float) -> None:
        self._director.on_event(event, now_s)
        if isinstance(event, ModelReady):
            self._load_s = event.load_s
            self.timeline.record("ready", now_s, model=event.name, load_s=round(event.load_s, 1))
        elif isinstance(event, WorkerStats):
            self._worker_peak_mb = max(self._worker_peak_mb, event.peak_mb)

    def _result(self, *, is_virtual_time: bool, real_time_factor: float) -> SimulationResult:
        recording = self.room.recording()
        stats = self.room.stats()
        clean = np.concatenate(self._clean) if self._clean else np.empty(0, dtype=np.float32)
        return SimulationResult(
            model=self._settings.model.name,
            is_virtual_time=is_virtual_time,
            seconds=self.room.now_s,
            spoken=tuple(self._director.spoken),
            timeline=self.timeline.entries(),
            microphone=recording.microphone,
            loudspeaker=recording.loudspeaker,
            clean_user=clean,
            n_input_overflows=stats.n_input_overflows,
            n_output_underflows=stats.n_output_underflows,
            n_starvations=self.room.renderer.n_starvations,
            n_late_callbacks=stats.n_late_callbacks,
            real_time_factor=real_time_factor,
            peak_memory_mb=peak_memory_mb() + (0.0 if is_virtual_time else self._worker_peak_mb),
            load_s=self._load_s,
            echo_return_loss_db=self._capture.canceller.echo_return_loss_db,
            moments=tuple(self._moments),
        )


class VirtualTimeSimulation(_Base):
    """Virtual time: as fast as the engine allows."""

    def __init__(self, plan: SimulationConfig) -> None:
        super().__init__(plan, is_realtime=False)
        settings, parts = plan.settings, plan.parts
        self._worker = parts.inline_worker(settings)
        dialogue = self._dialogue(self._player, self._worker.send, self._restart)
        self.engine = FreewheelEngine(
            self.room,
            self._capture,
            self._player,
            self._watched,
            self._worker,
            dialogue,
            lambda: parts.prediction_cost_s(self._predictor),
        )
        self.engine.listeners.append(self._note)

    def run(self) -> SimulationResult:
        """Runs to the end of the scene."""
        try:
            self._worker.start()
            begin_s = perf_counter()
            while not (self._director.is_over or self._done.is_set()):
                self.engine.tick()
                self._director.on_tick(self.engine.now_s, self.engine.dialogue.state)
            spent_s = perf_counter() - begin_s
        finally:
            self._worker.stop()
        return self._result(is_virtual_time=True, real_time_factor=spent_s / self.room.now_s)

    def _restart(self) -> None:
        self._worker.start()


class RealtimeSimulation(_Base):
    """Real time: the threads and the worker process of the window, the room paced by the clock."""

    def __init__(self, plan: SimulationConfig) -> None:
        super().__init__(plan, is_realtime=True)
        settings, parts = plan.settings, plan.parts
        box = audio_output_queue()

        def post(command: Callable[[], object]) -> None:
            box.put(command)
            self.room.renderer.wake.ring()

        self._worker: Worker = parts.worker(settings, self._from_worker)
        dialogue = self._dialogue(
            QueuedAudioOutput(self._player, post), self._worker.send, self._worker.restart
        )
        self.engine = RealtimeEngine(
            self.room,
            self._capture,
            self._player,
            self._watched,
            dialogue,
            StreamTime(MonotonicClock()),
            box,
        )
        self.engine.listeners.append(self._note)
        self.engine.tick_listeners.append(self._tick)

    def run(self) -> SimulationResult:
        """Blocks until the scene is over."""
        begin_cpu_s = process_time()
        try:
            self._worker.start()
            self.engine.start()
            self.room.start()
            self._done.wait()
        finally:
            self._worker.stop()
            self.engine.stop()
        cpu_s = process_time() - begin_cpu_s
        return self._result(is_virtual_time=False, real_time_factor=cpu_s / self.room.now_s)

    def _from_worker(self, event: ModelEvent) -> None:
        self.engine.post(named(event))

    def _tick(self, now_s: float) -> None:
        self._director.on_tick(now_s, self.engine.dialogue.state)
        if self._director.is_over:
            self.end()


def peak_memory_mb() -> float:
    """Peak resident memory of this process."""
    unit = 1024.0 if sys.platform != "darwin" else 1024.0 * 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
