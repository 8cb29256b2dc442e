"""The far end as the echo canceller needs it: one frame per microphone frame, never too late.

Does not know the room; keeps only the pace of two clocks.
"""

from __future__ import annotations

import numpy as np

from audio_io.aec import FRAME
from audio_io.frames import ENGINE_RATE_HZ, Samples
from audio_io.resampler import StreamResampler
from audio_io.ring_buffer import RingBuffer
from audio_io.sample_queue import SampleQueue

_LIMIT = 6 * FRAME  # samples, 60 ms: a reference older than the device latency comes after its echo
_CUSHION = 2 * FRAME  # samples, 20 ms: one loudspeaker callback of jitter
_SILENT = 1e-4  # peak, -80 dBFS


class EchoReference:
    """Reads what the device was given, at the pace of the microphone.

    The two devices need not share a clock. The backlog is led back to its cushion while the far end
    is silent, where a skipped or repeated frame moves no echo; only a backlog over 60 ms is cut at
    once, and only an empty one is filled with silence at once.

    Attributes:
        n_missing: frames of silence given because the reference had not arrived.
        n_dropped: samples (16 kHz) skipped because the reference had piled up.
    """

    def __init__(self, far_ring: RingBuffer, rate_hz: int) -> None:
        self._ring = far_ring
        self._resampler = StreamResampler(rate_hz, ENGINE_RATE_HZ)
        self._queue = SampleQueue()
        self._queue.push(np.zeros(_CUSHION, dtype=np.float32))
        self.n_missing = 0
        self.n_dropped = 0

    @property
    def backlog_ms(self) -> float:
        """How old the next frame is."""
        return 1000.0 * len(self._queue) / ENGINE_RATE_HZ

    def next_frame(self) -> Samples:
        """Returns float32 (160,)."""
        if len(self._ring):
            self._queue.push(self._resampler.process(self._ring.read(len(self._ring))))
        if len(self._queue) > _LIMIT:
            self._drop(len(self._queue) - _CUSHION)
        if len(self._queue) < FRAME:
            self.n_missing += 1
            return np.zeros(FRAME, dtype=np.float32)
        frame = self._queue.pop(FRAME)
        if float(np.max(np.abs(frame))) < _SILENT and len(self._queue) > 2 * _CUSHION:
            self._drop(FRAME)
        return frame

    def _drop(self, n: int) -> None:
        self._queue.pop(n)
        self.n_dropped += n
