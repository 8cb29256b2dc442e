"""Finds out how many samples a stream lost, from the times of its blocks."""

import math

_LEAST_S = 0.005  # below this it is jitter; the canceller's filter follows such a step
_MOST_S = 2.0  # a longer hole is a machine that slept: nothing is aligned any more
_WINDOW_BLOCKS = 50  # 1 s of 20 ms blocks: the lowest of the last one or two tells where time stood
_LOOK_BLOCKS = 3  # with the device's own times, which jitter by a millisecond
_LOOK_BLOCKS_BY_CLOCK = 15  # 0.3 s: some callback in it comes in time, however busy the machine is


class LostSamples:
    """Compares the time that has passed with the samples that came, after a doubt.

    The device's count of samples stands still while it loses some, so that from then on every block
    comes late by as much. A block that is late for another reason is followed by one that is not:
    the least lateness of a few blocks tells. For the callback of one stream: no locks, no
    allocation.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._n_samples = 0
        self._stamp_s = 0.0
        self._has_stamps = True
        self._restart()

    def take(self, n: int, *, clock_s: float, stamp_s: float, is_doubtful: bool) -> int:
        """Take a block of ``n`` samples; return how many were lost before it. Callback-safe.

        They may have been lost some blocks ago: that they were is known only now.

        Args:
            clock_s: when the callback came.
            stamp_s: when the device says that the block's first sample sounds; 0: it does not.
            is_doubtful: the system reports a loss, or the callback came late.
        """
        has_stamps = self._has_stamps and stamp_s > self._stamp_s
        self._stamp_s = stamp_s
        if has_stamps != self._has_stamps:
            self._has_stamps = has_stamps
            self._n_samples = 0
            self._restart()
        late_s = (stamp_s if has_stamps else clock_s) - self._n_samples / self._rate_hz
        self._n_samples += n
        if is_doubtful and self._before_s < math.inf:
            self._n_looks = _LOOK_BLOCKS if has_stamps else _LOOK_BLOCKS_BY_CLOCK
            self._after_s = math.inf
        if not self._n_looks:
            self._watch(late_s)
            return 0
        self._after_s = min(self._after_s, late_s)
        self._n_looks -= 1
        return 0 if self._n_looks else self._found()

    def _found(self) -> int:
        lost_s = self._after_s - self._before_s
        if lost_s > _MOST_S:
            self._restart()
            return 0
        if lost_s < _LEAST_S:
            return 0
        n_lost = round(lost_s * self._rate_hz)
        self._n_samples += n_lost
        return n_lost

    def _watch(self, late_s: float) -> None:
        """Keep the lowest lateness of the window before and of the running one."""
        self._running_s = min(self._running_s, late_s)
        self._before_s = min(self._last_s, self._running_s)
        self._n_seen += 1
        if self._n_seen >= _WINDOW_BLOCKS:
            self._last_s, self._running_s, self._n_seen = self._running_s, math.inf, 0

    def _restart(self) -> None:
        self._last_s = self._running_s = self._before_s = self._after_s = math.inf
        self._n_seen = 0
        self._n_looks = 0
