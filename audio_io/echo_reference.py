"""The far end as the echo canceller needs it: one frame per microphone frame, never too late."""

import numpy as np

from audio_io.aec import FRAME
from audio_io.frames import ENGINE_RATE_HZ, Samples
from audio_io.resampler import StreamResampler
from audio_io.ring_buffer import RingBuffer
from audio_io.sample_queue import SampleQueue

_CUSHION = 2 * FRAME  # samples, 20 ms: one loudspeaker callback of jitter
_SPARE = 6 * FRAME  # samples never needed for this long are trimmed in the next silence ...
_TOO_OLD = 12 * FRAME  # ... or at once: the reference must not come after its echo
_HARD_LIMIT = 60 * FRAME  # samples, 600 ms: beyond the reach of the canceller's delay search
_WINDOW_FRAMES = 200  # 2 s: the burstiest sound servers repeat their pattern within this
_SILENT = 1e-4  # peak, -80 dBFS


class EchoReference:
    """Reads what the device was given, at the pace of the microphone.

    The two devices need not share a clock, and sound servers deliver in bursts of a hundred
    milliseconds and more. What counts for the canceller is that a microphone frame always meets the
    same reference, so the backlog is judged by its lowest point over two seconds: an empty one is
    filled with silence at once, a lowest point that stays high is trimmed, in silence where that
    can wait.

    Attributes:
        n_missing: frames of silence given because the reference had not arrived.
        n_dropped: samples (16 kHz) skipped because the reference had piled up.
    """

    def __init__(self, far_ring: RingBuffer, rate_hz: int) -> None:
        self._ring = far_ring
        self._resampler = StreamResampler(rate_hz, ENGINE_RATE_HZ)
        self._queue = SampleQueue()
        self._queue.push(np.zeros(_CUSHION, dtype=np.float32))
        self._lowest = _HARD_LIMIT
        self._n_seen = 0
        self._excess = 0
        self.n_missing = 0
        self.n_dropped = 0

    @property
    def backlog_ms(self) -> float:
        """Return how old the next frame is."""
        return 1000.0 * len(self._queue) / ENGINE_RATE_HZ

    def next_frame(self) -> Samples:
        """Return the far end of the next microphone frame, float32 (160,)."""
        if len(self._ring):
            self._queue.push(self._resampler.process(self._ring.read(len(self._ring))))
        if len(self._queue) > _HARD_LIMIT:
            self._drop(len(self._queue) - _CUSHION)
        if len(self._queue) < FRAME:
            self.n_missing += 1
            self._watch(0)
            return np.zeros(FRAME, dtype=np.float32)
        frame = self._queue.pop(FRAME)
        self._watch(len(self._queue))
        self._trim(is_silent=float(np.max(np.abs(frame))) < _SILENT)
        return frame

    def _watch(self, backlog: int) -> None:
        """Find the lowest point of each window."""
        self._lowest = min(self._lowest, backlog)
        self._n_seen += 1
        if self._n_seen < _WINDOW_FRAMES:
            return
        self._excess = max(0, self._lowest - _CUSHION) if self._lowest > _SPARE else 0
        self._lowest, self._n_seen = _HARD_LIMIT, 0

    def _trim(self, *, is_silent: bool) -> None:
        if self._excess and (is_silent or self._excess > _TOO_OLD):
            self._drop(min(self._excess, len(self._queue)))
            self._excess = 0

    def _drop(self, n: int) -> None:
        self._queue.pop(n)
        self.n_dropped += n
