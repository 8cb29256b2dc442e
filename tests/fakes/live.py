"""A whole session on fakes, watched through its own pictures; a room that can be unplugged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Condition
from typing import Self

import numpy as np

from app.dialogue.state import Phase
from app.engine.factories import Factories
from app.history.store import HistoryStore
from app.replay.recorder import Recorder
from app.session.catalog import DeviceChoice, SessionCatalog, VoiceInfo, WeightInfo
from app.session.commands import Command
from app.session.session import Session
from app.session.snapshot import EngineSnapshot
from app.settings.settings import Settings
from audio_io.devices import Direction
from audio_io.errors import DeviceNotFound
from audio_io.frames import Samples
from audio_io.interfaces import StreamFormat, StreamRequest
from audio_io.renderer import OutputRenderer
from audio_io.ring_buffer import RingBuffer
from audio_io.virtual_room import VirtualRoom
from model.scripted import Script
from model.types import ProgressReport
from tests.fakes.parts import fake_parts

PATIENCE_S = 20.0  # for what takes a second or two on an idle machine


class UnpluggableRoom(VirtualRoom):
    """A room in real time behind devices that can be pulled; every opening makes other rings."""

    def __init__(self) -> None:
        super().__init__(is_realtime=True)
        self.is_plugged = True
        self.is_muted = False  # in hardware: exact zeros
        self.opened: list[StreamRequest] = []
        self._pulled_at_s: float | None = None

    def open(self, request: StreamRequest) -> StreamFormat:
        if not self.is_plugged:
            raise DeviceNotFound("there is no microphone")
        self.opened.append(request)
        self.mic_ring = RingBuffer(32_000)
        self.renderer = OutputRenderer(self.settings.out_rate_hz)
        return super().open(request)

    def start(self) -> None:
        self._pulled_at_s = None
        super().start()

    def unplug(self) -> None:
        self.is_plugged = False
        self._pulled_at_s = time.perf_counter()
        self.stop()

    def plug_in(self) -> None:
        self.is_plugged = True

    def stalled(self, now_s: float, limit_s: float) -> Direction | None:
        del now_s, limit_s
        return "microphone" if self._pulled_at_s is not None else None

    def last_callback_s(self) -> float:
        return time.perf_counter() if self._pulled_at_s is None else self._pulled_at_s

    def restart_library(self) -> None:
        self.close()

    def _noise_block(self) -> Samples:
        noise = super()._noise_block()
        return np.zeros_like(noise) if self.is_muted else noise


class NoModelFiles:
    """No model files, and none wanted."""

    def missing(self, names: tuple[str, ...]) -> Mapping[str, int]:
        del names
        return {}

    def fetch(self, names: tuple[str, ...], report: ProgressReport) -> None:
        """Everything is there."""

    def remove(self, name: str) -> None:
        """It was not there."""

    def add(self, folder: Path) -> None:
        """Nobody asks for it."""


def fake_catalog() -> SessionCatalog:
    return SessionCatalog(
        voices=lambda: (VoiceInfo("heart", "Heart", "warm", "en"),),
        sample_sentence=lambda preset: f"This is {preset}.",
        input_devices=lambda: (DeviceChoice("built in", True),),
        output_devices=lambda: (DeviceChoice("built in", True),),
        models=lambda: (WeightInfo("one", "One", 1.0, "MIT", True),),
        model_store=NoModelFiles(),
    )


class LiveSession:
    """Starts with ``with``; leaves no thread behind.

    Attributes:
        pictures: every one that was published, oldest first.
        events: names on the timeline, in order of arrival.
    """

    def __init__(
        self,
        script: Script | None = None,
        settings: Settings | None = None,
        *,
        room: UnpluggableRoom | None = None,
        parts: Factories | None = None,
        recordings: Path = Path("never"),
        history: HistoryStore | None = None,
        save: Callable[[Settings], None] | None = None,
        catalog: SessionCatalog | None = None,
    ) -> None:
        parts = parts or fake_parts(script)
        if room is not None:
            parts = replace(parts, backend=lambda _settings: room)
        self.saved: list[Settings] = []
        self.history = history or HistoryStore(None)
        self.recorder = Recorder(recordings, "talk")
        self.session = Session(
            settings or Settings(),
            self.history,
            parts,
            catalog or fake_catalog(),
            self.recorder,
            save or self.saved.append,
        )
        self.pictures: list[EngineSnapshot] = []
        self.entries: list[dict[str, object]] = []
        self.survivors: tuple[str, ...] = ()
        self._changed = Condition()
        self.session.dialogue.trace.timeline.listen(lambda entry: self.entries.append(dict(entry)))
        self.session.engine.tick_listeners.append(self._tick)

    def __enter__(self) -> Self:
        self.session.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.survivors = self.session.stop()

    @property
    def now(self) -> EngineSnapshot:
        return self.session.snapshot()

    def send(self, *commands: Command) -> None:
        for command in commands:
            self.session.send(command)

    def wait_for(self, what: str, holds: Callable[[EngineSnapshot], bool]) -> EngineSnapshot:
        """Waits until a picture ``holds``; says ``what`` never came."""
        with self._changed:
            came = self._changed.wait_for(lambda: holds(self.now), PATIENCE_S)
        assert came, f"{what}: never came; {self.now.phase}, {self.now.notices}"
        return self.now

    def wait_for_phase(self, phase: Phase) -> EngineSnapshot:
        return self.wait_for(f"phase {phase}", lambda picture: picture.phase is phase)

    def wait_for_notice(self, key: str) -> EngineSnapshot:
        return self.wait_for(f"notice {key}", lambda picture: key in notice_keys(picture))

    def wait_for_event(self, event: str, n: int = 1) -> dict[str, object]:
        """The n-th of its name on the timeline."""
        self.wait_for(f"{n} x {event}", lambda _picture: len(self.found(event)) >= n)
        return self.found(event)[n - 1]

    def found(self, event: str) -> list[dict[str, object]]:
        return [entry for entry in list(self.entries) if entry["event"] == event]

    def _tick(self, now_s: float) -> None:
        del now_s
        with self._changed:
            picture = self.session.snapshot()
            if not self.pictures or self.pictures[-1] is not picture:
                self.pictures.append(picture)
            self._changed.notify_all()


def notice_keys(picture: EngineSnapshot) -> set[str]:
    return {notice.key for notice in picture.notices}
