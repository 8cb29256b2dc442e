"""How long a buffer is: longer soon after it ran dry, shorter again after minutes of peace."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BufferLimits:
    """The range of a buffer, and what it takes to change it.

    Attributes:
        shortest_ms: where it begins; it never becomes shorter.
        longest_ms: beyond it, waiting is worse than a crackle.
        factor: of one step up or down.
        n_xruns: so many ...
        within_s: ... within this time make it longer.
        peace_s: time without any after which it becomes a step shorter.
    """

    shortest_ms: float
    longest_ms: float
    factor: float = 1.5
    n_xruns: int = 3
    within_s: float = 10.0
    peace_s: float = 180.0


class BufferPolicy:
    """The length of one buffer over time.

    Attributes:
        length_ms: what it should be now.
    """

    def __init__(self, limits: BufferLimits) -> None:
        self.length_ms = limits.shortest_ms
        self._limits = limits
        self._xruns_s: deque[float] = deque(maxlen=limits.n_xruns)
        self._changed_s: float | None = None

    def take(self, n_xruns: int, now_s: float) -> float:
        """Note that ``n_xruns`` happened since the last call and return ``length_ms``."""
        limits = self._limits
        if self._changed_s is None:
            self._changed_s = now_s
        self._xruns_s.extend([now_s] * min(n_xruns, limits.n_xruns))
        if n_xruns > 0:
            self._changed_s = now_s
        is_often = len(self._xruns_s) == limits.n_xruns
        if is_often and now_s - self._xruns_s[0] <= limits.within_s:
            self._xruns_s.clear()
            self._step(limits.factor)
        elif now_s - self._changed_s >= limits.peace_s:
            self._changed_s = now_s
            self._step(1.0 / limits.factor)
        return self.length_ms

    def _step(self, factor: float) -> None:
        longest_ms, shortest_ms = self._limits.longest_ms, self._limits.shortest_ms
        self.length_ms = min(max(self.length_ms * factor, shortest_ms), longest_ms)
