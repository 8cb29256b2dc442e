"""The loudspeaker of a simulated room: its clock, its buffer, its distortion, its lost blocks."""

from dataclasses import dataclass

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from audio_io.renderer import OutputRenderer
from audio_io.resampler import StreamResampler
from audio_io.sample_queue import SampleQueue

_BLOCK = ENGINE_RATE_HZ // 100  # samples of the microphone, 10 ms


@dataclass(frozen=True, slots=True)
class LoudspeakerSettings:
    """How the loudspeaker behaves; what it does wrong is seen by nobody but the microphone.

    Attributes:
        rate_hz: a multiple of 100, so that 10 ms is a whole number of samples.
        latency_ms: from the callback to the air.
        drift_ppm: how much faster its clock runs than the microphone's.
        clip_at: amplitude of full scale at which it saturates softly (tanh); None: never.
        delay_jump_ms: how much its buffer grows, and shrinks again, at every jump.
        delay_jump_every_s: time between two jumps; 0: there are none.
    """

    rate_hz: int
    latency_ms: float
    drift_ppm: float = 0.0
    clip_at: float | None = None
    delay_jump_ms: float = 0.0
    delay_jump_every_s: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError for what no loudspeaker can be."""
        if self.clip_at is not None and self.clip_at <= 0.0:
            raise ValueError(f"clip_at = {self.clip_at}: must be above 0")
        if self.delay_jump_ms < 0.0:
            raise ValueError(f"delay_jump_ms = {self.delay_jump_ms}: must not be negative")


class VirtualLoudspeaker:
    """Pulls sound at its own clock and says what is in the air, 10 ms at a time.

    A drifting loudspeaker pulls a sample more or less now and then, as real ones do.
    """

    def __init__(self, settings: LoudspeakerSettings) -> None:
        self._settings = settings
        speed = 1.0 + settings.drift_ppm * 1e-6
        self._out_per_block = settings.rate_hz / 100 * speed
        self._out_due = 1e-6  # so that 239.99999 counts as 240
        # At fractional ratios HQ delivers 79 ms late, LQ 31 ms; it is duller above 5 kHz.
        quality = "HQ" if settings.drift_ppm == 0.0 else "LQ"
        self._to_air = StreamResampler(settings.rate_hz * speed, ENGINE_RATE_HZ, quality)
        self._in_device = SampleQueue()
        self._in_device.push(_silence(settings.latency_ms))
        self._jump_blocks = round(100.0 * settings.delay_jump_every_s)
        self._is_late = False
        self._n_blocks = 0

    def play(self, renderer: OutputRenderer) -> Samples:
        """Return the next block as ``renderer`` meant it, float32 (160,)."""
        self._out_due += self._out_per_block
        out = np.empty(int(self._out_due), dtype=np.float32)
        self._out_due -= len(out)
        renderer.render(out)
        self._in_device.push(self._to_air.process(out))
        self._n_blocks += 1
        if self._jump_blocks and self._n_blocks % self._jump_blocks == 0:
            self._jump()
        return self._in_device.pop(_BLOCK)

    def starve(self) -> Samples:
        """Return the next block where nobody filled the buffer: it goes on with silence in it."""
        self._in_device.push(np.zeros(_BLOCK, dtype=np.float32))
        return self._in_device.pop(_BLOCK)

    def in_air(self, played: Samples) -> Samples:
        """Return what the membrane makes of ``played``."""
        clip_at = self._settings.clip_at
        if clip_at is None:
            return played
        return (clip_at * np.tanh(played / np.float32(clip_at))).astype(np.float32)

    def _jump(self) -> None:
        """The buffer grows by silence in front of it, and shrinks again by what it forgets."""
        extra = _silence(self._settings.delay_jump_ms)
        waiting = self._in_device.pop(len(self._in_device))
        self._in_device.push(waiting[len(extra) :] if self._is_late else extra)
        if not self._is_late:
            self._in_device.push(waiting)
        self._is_late = not self._is_late


def _silence(ms: float) -> Samples:
    return np.zeros(round(ms * ENGINE_RATE_HZ / 1000.0), dtype=np.float32)
