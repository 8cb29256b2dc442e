"""A clock for tests."""

from __future__ import annotations

import threading


class VirtualClock:
    """A clock that stands still until told."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s
        self._lock = threading.Lock()

    def now_s(self) -> float:
        """Return the time it was last told."""
        return self._now_s

    def advance(self, seconds: float) -> None:
        """Go on by ``seconds``. Raises ValueError for a step back."""
        if not seconds >= 0.0:
            raise ValueError(f"a clock cannot go back by {-seconds} s")
        with self._lock:
            self._now_s += seconds

    def advance_to(self, at_s: float) -> None:
        """Jump to ``at_s``; stay if that has passed."""
        with self._lock:
            self._now_s = max(self._now_s, at_s)
