"""A lock-free ring for exactly one writer and one reader.

Positions only grow; each side changes its own, so no lock is needed under the interpreter lock.
"""

from collections import deque

import numpy as np

from audio_io.frames import Samples

CAPTURE_RING_S = 4.0
"""How long capture may be away before sound is lost, of the microphone and of the loudspeaker."""

_MOST_GAPS = 64  # places of lost samples that are remembered between two readings


class RingBuffer:
    """A bounded queue of float32 mono samples; what does not fit is refused and counted.

    It remembers where samples are missing (refused here, or lost on the way to it), so that a
    reader who wants to keep time can have silence in their place.

    Attributes:
        n_written: samples accepted since creation.
        n_read: samples taken (or dropped by the reader) since creation.
        n_refused: samples that did not fit.
    """

    def __init__(self, capacity: int) -> None:
        self._data = np.zeros(capacity, dtype=np.float32)
        self.capacity = capacity
        self.n_written = 0
        self.n_read = 0
        self.n_refused = 0
        self._n_missing = 0  # before the next sample that is written
        self._gaps: deque[tuple[int, int]] = deque(maxlen=_MOST_GAPS)  # (position, samples)

    def __len__(self) -> int:
        return self.n_written - self.n_read

    @property
    def n_free(self) -> int:
        """Return how many samples fit now (writer's view: never too many)."""
        return self.capacity - len(self)

    def write(self, samples: Samples) -> int:
        """Append what fits and return how much that was. Writer only. Callback-safe."""
        n = min(len(samples), self.n_free)
        if n and self._n_missing:
            self._gaps.append((self.n_written, self._n_missing))
            self._n_missing = 0
        begin = self.n_written % self.capacity
        head = min(n, self.capacity - begin)
        self._data[begin : begin + head] = samples[:head]
        self._data[: n - head] = samples[head:n]
        self.n_written += n
        n_refused = len(samples) - n
        self.n_refused += n_refused
        self._n_missing += n_refused
        return n

    def note_gap(self, n: int) -> None:
        """Note that ``n`` samples were lost before the next one. Writer only. Callback-safe."""
        self._n_missing += n

    def read_into(self, out: Samples) -> int:
        """Fill the front of ``out`` and return how much there was. Reader only. Callback-safe."""
        n = min(len(out), len(self))
        begin = self.n_read % self.capacity
        head = min(n, self.capacity - begin)
        out[:head] = self._data[begin : begin + head]
        out[head:n] = self._data[: n - head]
        self.n_read += n
        return n

    def read(self, n: int) -> Samples:
        """Take up to ``n`` samples. Reader only; allocates, so not for callbacks."""
        out = np.empty(min(n, len(self)), dtype=np.float32)
        self.read_into(out)
        return out

    def read_in_time(self) -> Samples:
        """Take everything, with silence for what is missing. Reader only; allocates.

        A gap longer than the ring becomes silence of the ring's length.
        """
        end, parts = self.n_written, [self.read(0)]
        while self._gaps and self._gaps[0][0] <= end:
            position, n_missing = self._gaps.popleft()
            parts.append(self.read(max(0, position - self.n_read)))
            parts.append(np.zeros(min(n_missing, self.capacity), dtype=np.float32))
        parts.append(self.read(max(0, end - self.n_read)))
        return np.concatenate(parts)

    def drop_until(self, position: int) -> int:
        """Forget samples before ``position``; return how many. Reader only. Callback-safe."""
        n = max(0, min(position, self.n_written) - self.n_read)
        self.n_read += n
        return n
