"""Audio parts with behaviour of their own: a detector by level, a sound card to unplug."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audio_io.frames import Samples, level_dbfs


class EnergyVad:
    """Voice is what is louder than ``threshold_dbfs``."""

    def __init__(self, threshold_dbfs: float = -40.0, window: int = 512) -> None:
        self.threshold_dbfs = threshold_dbfs
        self._window = window
        self.n_resets = 0

    @property
    def window(self) -> int:
        return self._window

    def probability(self, window: Samples) -> float:
        assert len(window) == self._window
        return 0.95 if level_dbfs(window) > self.threshold_dbfs else 0.02

    def reset(self) -> None:
        self.n_resets += 1


def tone(seconds: float, rate_hz: int = 16_000, hz: float = 440.0, peak: float = 0.3) -> Samples:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return (peak * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def speech_like(seconds: float, seed: int = 0, rate_hz: int = 16_000, peak: float = 0.3) -> Samples:
    """Syllables of noise: broadband, with pauses, so that a canceller can learn from it."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    t = np.arange(n) / rate_hz
    envelope = np.clip(np.sin(2 * np.pi * 3.0 * t) + 0.3, 0.0, 1.0)
    noise = np.convolve(rng.standard_normal(n), np.hanning(9) / 4.5, "same")
    return (peak * envelope * np.clip(noise / 3.0, -1.0, 1.0)).astype(np.float32)


class FakePortAudioError(Exception):
    """What the fake library raises in place of PortAudio's error."""


@dataclass
class FakeCard:
    """One device of the fake machine."""

    name: str
    n_inputs: int
    n_outputs: int
    rates_hz: tuple[int, ...] = (16_000, 44_100, 48_000)
    default_rate_hz: int = 48_000
    channels: tuple[int, ...] = (1, 2)
    is_plugged: bool = True
    is_stalled: bool = False


@dataclass
class _Default:
    device: tuple[int, int] = (-1, -1)


@dataclass
class FakePortAudio:
    """sounddevice with cards that can be pulled, run by ``elapse`` instead of by hardware.

    Like PortAudio it lists what was there when it was initialised, and an unplugged device leaves
    its stream either finished or silently stalled.
    """

    cards: list[FakeCard]
    now_s: float = 0.0
    default: _Default = field(default_factory=_Default)
    streams: list[FakeStream] = field(default_factory=list)
    n_initialised: int = 0
    is_server_down: bool = False
    _listed: list[FakeCard] = field(default_factory=list)
    PortAudioError: type[Exception] = FakePortAudioError

    def __post_init__(self) -> None:
        self._initialize()

    def clock(self) -> float:
        return self.now_s

    def query_devices(self) -> list[dict[str, Any]]:
        if self.is_server_down:
            raise FakePortAudioError("Error querying device -1")
        return [
            {
                "name": card.name,
                "max_input_channels": card.n_inputs,
                "max_output_channels": card.n_outputs,
                "default_samplerate": float(card.default_rate_hz),
            }
            for card in self._listed
        ]

    def InputStream(self, **options: Any) -> FakeStream:  # noqa: N802 - the library's own name
        return FakeStream(self, is_input=True, **options)

    def OutputStream(self, **options: Any) -> FakeStream:  # noqa: N802 - likewise
        return FakeStream(self, is_input=False, **options)

    def _terminate(self) -> None:
        assert not [s for s in self.streams if not s.is_closed], "terminated under open streams"

    def _initialize(self) -> None:
        if self.is_server_down:
            raise FakePortAudioError("PortAudio not initialized")
        self.n_initialised += 1
        self._listed = [card for card in self.cards if card.is_plugged]
        inputs = [i for i, card in enumerate(self._listed) if card.n_inputs]
        outputs = [i for i, card in enumerate(self._listed) if card.n_outputs]
        self.default = _Default((inputs[0] if inputs else -1, outputs[0] if outputs else -1))

    def card(self, index: int) -> FakeCard:
        return self._listed[index]

    def unplug(self, card: FakeCard, *, finishes: bool) -> None:
        card.is_plugged = False
        for stream in self.streams:
            if stream.card is card and stream.active and finishes:
                stream.finish()

    def elapse(self, seconds: float, step_s: float = 0.02) -> None:
        for _ in range(round(seconds / step_s)):
            self.now_s += step_s
            for stream in list(self.streams):
                stream.run(step_s)


class _Times:
    """What the library says about a block: when its first sample came in or goes out."""

    def __init__(self, now_s: float) -> None:
        self.inputBufferAdcTime = now_s - 0.02
        self.outputBufferDacTime = now_s + 0.06


class FakeStream:
    def __init__(
        self,
        library: FakePortAudio,
        *,
        is_input: bool,
        samplerate: int,
        blocksize: int,
        device: int,
        channels: int,
        dtype: str,
        latency: float,
        callback: Callable[..., None],
        finished_callback: Callable[[], None],
    ) -> None:
        assert dtype == "float32"
        assert isinstance(latency, float)
        self.card = library.card(device)
        n_channels = self.card.n_inputs if is_input else self.card.n_outputs
        is_known = samplerate in self.card.rates_hz and channels in self.card.channels
        if library.is_server_down or not self.card.is_plugged:
            raise FakePortAudioError("Device unavailable")
        if not is_known or channels > n_channels:
            raise FakePortAudioError("Invalid sample rate or number of channels")
        self.library = library
        self.is_input = is_input
        self.rate_hz = samplerate
        self.blocksize = blocksize
        self.channels = channels
        self.latency = latency
        self.is_closed = False
        self.status = 0
        self.tells_time = False
        self.played: list[Samples] = []
        self.sound: Callable[[int], Samples] = lambda n: np.full(n, 0.01, dtype=np.float32)
        self._callback = callback
        self._finished = finished_callback
        self._is_active = False
        self._due = 0.0
        library.streams.append(self)

    @property
    def active(self) -> bool:
        return self._is_active

    def start(self) -> None:
        if self.library.is_server_down or not self.card.is_plugged:
            raise FakePortAudioError("Device unavailable")
        self._is_active = True

    def stop(self) -> None:
        self.finish()

    def abort(self) -> None:
        self.finish()

    def close(self) -> None:
        self._is_active = False
        self.is_closed = True
        if self in self.library.streams:
            self.library.streams.remove(self)

    def finish(self) -> None:
        if self._is_active:
            self._is_active = False
            self._finished()

    def run(self, seconds: float) -> None:
        if not self._is_active or not self.card.is_plugged or self.card.is_stalled:
            return
        self._due += seconds * self.rate_hz
        while self._due >= self.blocksize:
            self._due -= self.blocksize
            block = np.zeros((self.blocksize, self.channels), dtype=np.float32)
            if self.is_input:
                block[:] = self.sound(self.blocksize)[:, np.newaxis]
            when = _Times(self.library.now_s) if self.tells_time else None
            self._callback(block, self.blocksize, when, self.status)
            if not self.is_input:
                self.played.append(block.copy())
