"""A growable first-in-first-out of samples, to cut a stream into frames of another length.

For one thread; between threads use the ring buffer.
"""

import numpy as np

from audio_io.frames import Samples


class SampleQueue:
    """An unbounded queue of float32 mono samples."""

    def __init__(self) -> None:
        self._data: Samples = np.empty(0, dtype=np.float32)

    def __len__(self) -> int:
        return len(self._data)

    def push(self, samples: Samples) -> None:
        """Append a copy."""
        if len(samples):
            self._data = np.concatenate((self._data, samples))

    def pop(self, n: int) -> Samples:
        """Take the oldest ``n`` samples (fewer when there are fewer)."""
        head, self._data = self._data[:n], self._data[n:]
        return head

    def clear(self) -> None:
        """Forget everything."""
        self._data = self._data[:0]
