"""Where seconds come from; the real one and one that jumps. Knows nothing of audio.

Wall-clock dates (history, file names) are not this clock's business.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds from an arbitrary origin, never going back. Callable from any thread."""

    def now_s(self) -> float: ...


class MonotonicClock:
    """The computer's."""

    def now_s(self) -> float:
        return time.perf_counter()


class VirtualClock:
    """Stands still until told; for tests and for scenes that run faster than real time."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s
        self._lock = threading.Lock()

    def now_s(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Raises ValueError for a step back."""
        if not seconds >= 0.0:
            raise ValueError(f"a clock cannot go back by {-seconds} s")
        with self._lock:
            self._now_s += seconds

    def advance_to(self, at_s: float) -> None:
        """Jumps to ``at_s``; stays where it is if that has passed."""
        with self._lock:
            self._now_s = max(self._now_s, at_s)
