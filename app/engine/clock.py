"""Clocks: the computer's and the microphone's.

Wall-clock dates (history, file names) are not their business.
"""

import time
from typing import Protocol

_WINDOW_S = 2.0  # the burstiest sound servers repeat their pattern within this


class Clock(Protocol):
    """Seconds from an arbitrary origin, never going back. Callable from any thread."""

    def now_s(self) -> float:
        """Return the time in seconds."""
        ...


class MonotonicClock:
    """The computer's monotonic clock."""

    def now_s(self) -> float:
        """Return the monotonic time in seconds."""
        return time.perf_counter()


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
        """Let time pass from here on, whether or not a microphone runs."""
        if self._offset_s is None:
            self._offset_s = self._clock.now_s()

    def restart(self) -> None:
        """Forget what the old streams told of their delay: there are others now."""
        self._lowest = []

    def sync(self, heard_until_s: float) -> None:
        """Note that capture has worked through ``heard_until_s`` seconds of microphone."""
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
        """Return the time in seconds; zero before anything has begun."""
        return 0.0 if self._offset_s is None else self._clock.now_s() - self._offset_s
