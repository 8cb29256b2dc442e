"""The sound of one reply as it arrives, and a reading head that can go back."""

import numpy as np

from audio_io.frames import Samples
from audio_io.resampler import StreamResampler

AUDIBLE = 1e-3  # peak, -60 dBFS: quieter samples do not start a reply
_MAX_LEADING_SILENCE_S = 0.3  # a reply that begins with a longer pause has begun all the same


class ReplyAudio:
    """The sound of a reply so far, at the reply's own rate.

    Attributes:
        generation: whose audio it is.
        is_complete: no more will come.
        n_samples: samples so far.
    """

    def __init__(self, generation: int, rate_hz: int, out_rate_hz: int) -> None:
        self.generation = generation
        self.rate_hz = rate_hz
        self.is_complete = False
        self.n_samples = 0
        self._out_rate_hz = out_rate_hz
        self._chunks: list[tuple[int, Samples]] = []
        self._cursor = 0
        self._is_flushed = False
        self._first_audible: int | None = None
        self._resampler = StreamResampler(rate_hz, out_rate_hz)

    def append(self, samples: Samples, start: int) -> None:
        """Add a chunk; a hole becomes silence, what is there already stays."""
        if start > self.n_samples:
            self._add(np.zeros(start - self.n_samples, dtype=np.float32))
        self._add(samples[max(0, self.n_samples - start) :])

    def seek(self, sample: int) -> None:
        """Go on reading at ``sample``."""
        self._cursor = sample
        self._is_flushed = False
        self._resampler = StreamResampler(self.rate_hz, self._out_rate_hz)

    def move_to(self, out_rate_hz: int) -> None:
        """Deliver at another device's rate from now on; seek before reading."""
        self._out_rate_hz = out_rate_hz

    @property
    def has_unread(self) -> bool:
        """Return whether ``read`` would deliver something, now or after more chunks."""
        is_pending = self.is_complete and self.n_samples > 0 and not self._is_flushed
        return self._cursor < self.n_samples or is_pending

    @property
    def first_audible(self) -> int | None:
        """Return the index of the first audible sample; None when it has not arrived."""
        limit = int(_MAX_LEADING_SILENCE_S * self.rate_hz)
        if self._first_audible is not None:
            return min(self._first_audible, limit)
        if self.n_samples > limit:
            return limit
        return 0 if self.is_complete and self.n_samples else None

    def read(self, n: int) -> Samples:
        """Return about ``n`` samples at the device's rate, fewer when they have not arrived."""
        if self._is_flushed:
            return np.empty(0, dtype=np.float32)
        n_source = max(1, round(n * self.rate_hz / self._out_rate_hz))
        block = self._slice(self._cursor, self._cursor + n_source)
        self._cursor += len(block)
        out = self._resampler.process(block) if len(block) else block
        if self.is_complete and self._cursor >= self.n_samples:
            self._is_flushed = True
            out = np.concatenate((out, self._resampler.flush()))
        return out

    def _add(self, samples: Samples) -> None:
        if not len(samples):
            return
        if self._first_audible is None:
            loud = np.flatnonzero(np.abs(samples) >= AUDIBLE)
            if len(loud):
                self._first_audible = self.n_samples + int(loud[0])
        self._chunks.append((self.n_samples, samples))
        self.n_samples += len(samples)

    def _slice(self, begin: int, end: int) -> Samples:
        parts = [
            samples[max(0, begin - start) : end - start]
            for start, samples in self._chunks
            if start < end and start + len(samples) > begin
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
