"""The engine's time: the microphone's clock, also between two frames and while no device runs.

Does not know any device; capture tells it what it has heard.

Where seconds come from; the real one and one that jumps. Knows nothing of audio.

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


_WINDOW_S = 2.0  # the burstiest sound servers repeat their pattern within this


class StreamTime:
    """Seconds on the microphone's clock; without frames the computer's clock carries it on.

    Frames arrive late by varying amounts and the earliest arrivals tell best how the two clocks
    lie, so the offset is the lowest of the last seconds: it follows a slow drift and forgets a
    stream that has lost samples.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s: float | None = None  # clock minus stream
        self._lowest: list[float] = []  # of the window before and of the running one
        self._window_ends_s = 0.0

    def begin(self) -> None:
        """Time passes from here on, whether or not a microphone runs."""
        if self._offset_s is None:
            self._offset_s = self._clock.now_s()

    def restart(self) -> None:
        """Other streams: what the old ones told of their delay is forgotten."""
        self._lowest = []

    def sync(self, heard_until_s: float) -> None:
        """Capture has worked through ``heard_until_s`` seconds of microphone."""
        now_s = self._clock.now_s()
        offset_s = now_s - heard_until_s
        if not self._lowest:
            self._lowest = [offset_s, offset_s]
            self._window_ends_s = now_s + _WINDOW_S
        elif now_s >= self._window_ends_s:
            self._lowest = [self._lowest[1], offset_s]
            self._window_ends_s = now_s + _WINDOW_S
        else:
            self._lowest[1] = min(self._lowest[1], offset_s)
        self._offset_s = min(self._lowest)

    def now_s(self) -> float:
        """Zero before anything has begun."""
        if self._offset_s is None:
            return 0.0
        return self._clock.now_s() - self._offset_s
