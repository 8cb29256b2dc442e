"""The engine's time: the microphone's clock, also between two frames and while no device runs.

Does not know any device; capture tells it what it has heard.
"""

from __future__ import annotations

from app.clock import Clock

_LEAK_S = 0.0002  # per sync: lets the estimate follow a slow drift of the sound card


class StreamTime:
    """Seconds on the microphone's clock.

    Frames arrive late by varying amounts; the earliest arrivals tell the offset best, so the offset
    is their running minimum with a small leak.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s: float | None = None

    def sync(self, heard_until_s: float) -> None:
        """Capture has worked through ``heard_until_s`` seconds of microphone."""
        offset_s = self._clock.now_s() - heard_until_s
        known = self._offset_s
        self._offset_s = offset_s if known is None else min(known + _LEAK_S, offset_s)

    def now_s(self) -> float:
        if self._offset_s is None:
            return 0.0
        return self._clock.now_s() - self._offset_s
