"""A lock-free ring for exactly one writer and one reader.

Positions only grow; each side changes its own, so no lock is needed under the interpreter lock.
"""

import numpy as np

from audio_io.frames import Samples


class RingBuffer:
    """A bounded queue of float32 mono samples; what does not fit is refused and counted.

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

    def __len__(self) -> int:
        return self.n_written - self.n_read

    @property
    def n_free(self) -> int:
        """Return how many samples fit now (writer's view: never too many)."""
        return self.capacity - len(self)

    def write(self, samples: Samples) -> int:
        """Append what fits and return how much that was. Writer only. Callback-safe."""
        n = min(len(samples), self.n_free)
        begin = self.n_written % self.capacity
        head = min(n, self.capacity - begin)
        self._data[begin : begin + head] = samples[:head]
        self._data[: n - head] = samples[head:n]
        self.n_written += n
        self.n_refused += len(samples) - n
        return n

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

    def drop_until(self, position: int) -> int:
        """Forget samples before ``position``; return how many. Reader only. Callback-safe."""
        n = max(0, min(position, self.n_written) - self.n_read)
        self.n_read += n
        return n
