"""What runs inside the loudspeaker callback: move samples, ramp the gain, count.

The playback thread owns the writing side (ring, gain target, hold, flush); ``render`` belongs to
the device callback or to the virtual room. Both sides change disjoint fields.
"""

import numpy as np

from audio_io.frames import Samples
from audio_io.ring_buffer import CAPTURE_RING_S, RingBuffer
from audio_io.wake import WakeSignal

_MAX_BLOCK = 16_384  # samples; longer callbacks are rendered in parts
_HISTORY = 128  # blocks remembered: over a second of 10 ms blocks, more than any device's latency


class OutputRenderer:
    """The way from the ring through a gain ramp to the device, with a copy for the canceller.

    Attributes:
        ring: what is to be played; playback writes, ``render`` reads.
        far_ring: what the device was given, silence included; ``render`` writes, capture reads.
        n_rendered: samples handed to the device since creation (the device's clock).
        n_starvations: times a reply ran dry.
        wake: rung at every block, for the thread that keeps the ring full.
    """

    def __init__(self, rate_hz: int, ring_s: float = 0.4, far_s: float = CAPTURE_RING_S) -> None:
        self.rate_hz = rate_hz
        self.wake = WakeSignal()
        self.ring = RingBuffer(int(rate_hz * ring_s))
        self.far_ring = RingBuffer(int(rate_hz * far_s))
        self.n_rendered = 0
        self.n_starvations = 0
        self._gain = 1.0
        self._target = 1.0
        self._slope = 0.0  # gain per sample
        self._is_held = False
        self._is_expecting = False
        self._was_dry = False
        self._flush_to = 0
        # (first sample rendered, first ring position, ring samples) of each block, oldest first
        self._history: list[tuple[int, int, int]] = [(0, 0, 0)] * _HISTORY
        self._ramp = np.arange(1, _MAX_BLOCK + 1, dtype=np.float32)
        self._gains = np.empty(_MAX_BLOCK, dtype=np.float32)

    def ramp_to(self, gain: float, ramp_ms: float) -> None:
        """Move the gain to ``gain`` over ``ramp_ms``, from the next block on (declick)."""
        self._slope = abs(gain - self._gain) / max(1.0, ramp_ms * self.rate_hz / 1000.0)
        self._target = gain

    def hold(self, ramp_ms: float) -> None:
        """Fade out, then stop consuming the ring until ``release``."""
        self._is_held = True
        self.ramp_to(0.0, ramp_ms)

    def release(self, gain: float, ramp_ms: float) -> None:
        """Consume the ring again and fade in."""
        self._is_held = False
        self.ramp_to(gain, ramp_ms)

    def flush(self) -> None:
        """Drop everything written so far (call when the gain has reached 0)."""
        self._flush_to = self.ring.n_written

    def expect(self, is_expecting: bool) -> None:
        """Say whether an empty ring is a starvation (a reply is running) or plain silence."""
        self._is_expecting = is_expecting

    @property
    def is_expecting(self) -> bool:
        """Return whether a reply is running."""
        return self._is_expecting

    @property
    def is_silent(self) -> bool:
        """Return whether the gain has arrived at zero."""
        return self._gain == 0.0 and self._target == 0.0

    def position_heard(self, latency_samples: int) -> int:
        """Return the ring position that has left the loudspeaker by now; never too late."""
        horizon = self.n_rendered - latency_samples
        for rendered, consumed, n in reversed(list(self._history)):
            if rendered < horizon:
                return consumed + min(n, horizon - rendered)
        return 0

    def rendered_at(self, position: int) -> int | None:
        """Return the device sample that carried ``position``; None when too old or to come."""
        for rendered, consumed, n in reversed(list(self._history)):
            if consumed <= position < consumed + n:
                return rendered + position - consumed
        return None

    def render(self, out: Samples) -> None:
        """Fill ``out``, float32 (n,). Callback-safe: no locks, no allocation that grows."""
        for begin in range(0, len(out), _MAX_BLOCK):
            self._render_part(out[begin : begin + _MAX_BLOCK])

    def _render_part(self, out: Samples) -> None:
        if self._flush_to > self.ring.n_read:
            self.ring.drop_until(self._flush_to)
        begin = self.ring.n_read
        wanted = self._n_wanted(len(out))
        n = self.ring.read_into(out[:wanted])
        out[n:] = 0.0
        self._count_starvation(wanted - n)
        self._apply_gain(out)
        self.far_ring.write(out)
        self._history.append((self.n_rendered, begin, n))
        del self._history[0]
        self.wake.ring()
        self.n_rendered += len(out)

    def _n_wanted(self, n: int) -> int:
        """A hold consumes no sample that its fade has made inaudible."""
        if not self._is_held:
            return n
        if self._gain == 0.0 or self._slope == 0.0:
            return 0
        return min(n, int(np.ceil(self._gain / self._slope)))

    def _count_starvation(self, n_missing: int) -> None:
        is_dry = n_missing > 0 and self._is_expecting and not self._is_held
        if is_dry:
            self.n_starvations += not self._was_dry
        self._was_dry = is_dry

    def _apply_gain(self, out: Samples) -> None:
        n = len(out)
        if self._gain == self._target:
            if self._gain != 1.0:
                out *= self._gain
            return
        step = self._slope if self._target > self._gain else -self._slope
        gains = self._gains[:n]
        np.multiply(self._ramp[:n], step, out=gains)
        gains += self._gain
        low, high = sorted((self._gain, self._target))
        np.clip(gains, low, high, out=gains)
        out *= gains
        last = float(gains[-1])
        self._gain = self._target if abs(last - self._target) < 1e-6 else last
