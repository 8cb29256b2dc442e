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
_PATIENCE = 12 * FRAME  # microphone that waits for a late loudspeaker callback; longer, it is gone
_SILENT = 1e-4  # peak, -80 dBFS


class EchoReference:
    """Reads what the device was given, at the pace of the microphone.

    The two devices need not share a clock, sound servers deliver in bursts of a hundred
    milliseconds and more, and on a busy machine either side comes late. What counts for the
    canceller is that a microphone frame always meets the same reference. So lost samples are
    replaced by silence, and the backlog is the lead over the microphone: what waits on both sides
    is no lead. A microphone frame whose reference is merely late may wait for it. The lead is
    judged by its lowest point over two seconds: what stays too large is trimmed, what stays
    negative is made up for, in silence where that can wait.

    Attributes:
        n_missing: frames of silence given because the reference had not arrived.
        n_dropped: samples (16 kHz) skipped because the reference had piled up.
        n_shifts: times at which the reference moved against the microphone.
    """

    def __init__(self, far_ring: RingBuffer, rate_hz: int) -> None:
        self._ring = far_ring
        self._resampler = StreamResampler(rate_hz, ENGINE_RATE_HZ)
        self._queue = SampleQueue()
        self._queue.push(np.zeros(_CUSHION, dtype=np.float32))
        self._lowest = _HARD_LIMIT
        self._n_seen = 0
        self._kept = 0  # samples by which it was shifted: they are no lead
        self._excess = 0  # samples of lead too many; negative: too few
        self._is_settled = False  # a whole window had every frame
        self._was_missing = False
        self.n_missing = 0
        self.n_dropped = 0
        self.n_shifts = 0

    @property
    def backlog_ms(self) -> float:
        """Return how old the next frame is."""
        return 1000.0 * len(self._queue) / ENGINE_RATE_HZ

    def is_ready(self, n_waiting: int) -> bool:
        """Return whether the next microphone frame has its reference, or waits for it in vain.

        Args:
            n_waiting: samples of the microphone (16 kHz) that wait behind that frame.
        """
        self._collect()
        return len(self._queue) >= FRAME or not self._is_settled or n_waiting >= _PATIENCE

    def next_frame(self, n_waiting: int = 0) -> Samples:
        """Return the far end of the next microphone frame, float32 (160,).

        Args:
            n_waiting: as in ``is_ready``.
        """
        self._collect()
        lead = len(self._queue) - n_waiting - self._kept
        if lead > _HARD_LIMIT:
            self._drop(lead - _CUSHION)
        if len(self._queue) < FRAME:
            self.n_missing += 1
            self.n_shifts += not self._was_missing
            self._was_missing = True
            self._is_settled = False
            self._lowest, self._n_seen = _HARD_LIMIT, 0
            return np.zeros(FRAME, dtype=np.float32)
        self._was_missing = False
        frame = self._queue.pop(FRAME)
        self._watch(len(self._queue) - n_waiting - self._kept)
        self._settle(is_silent=float(np.max(np.abs(frame))) < _SILENT)
        return frame

    def shift(self, ms: float) -> bool:
        """Let the reference come ``ms`` later from now on, or sooner; return whether it could.

        It comes no sooner than what the device was given is known.
        """
        n = round(ms * ENGINE_RATE_HZ / 1000.0)
        if len(self._queue) + n < 0:
            return False
        self._insert(n) if n > 0 else self._queue.pop(-n)
        self._kept += n
        self.n_shifts += 1
        return True

    def _insert(self, n: int) -> None:
        waiting = self._queue.pop(len(self._queue))
        self._queue.push(np.zeros(n, dtype=np.float32))
        self._queue.push(waiting)

    def _collect(self) -> None:
        sound = self._ring.read_in_time()
        if len(sound):
            self._queue.push(self._resampler.process(sound))

    def _watch(self, lead: int) -> None:
        """Find the lowest point of each window."""
        self._lowest = min(self._lowest, lead)
        self._n_seen += 1
        if self._n_seen < _WINDOW_FRAMES:
            return
        is_off = self._lowest > _SPARE or self._lowest < 0
        self._excess = self._lowest - _CUSHION if is_off else 0
        self._lowest, self._n_seen = _HARD_LIMIT, 0
        self._is_settled = True

    def _settle(self, *, is_silent: bool) -> None:
        """Move the reference where it must be: at once, or when nobody hears it."""
        if not self._excess or not (is_silent or not -_PATIENCE < self._excess <= _TOO_OLD):
            return
        if self._excess > 0:
            self._drop(min(self._excess, len(self._queue)))
        else:
            self.n_shifts += 1
            self._insert(-self._excess)
        self._excess = 0

    def _drop(self, n: int) -> None:
        self._queue.pop(n)
        self.n_dropped += n
        self.n_shifts += 1
