"""Threads are born and joined here, in order and in reverse."""

import logging
import time
from collections.abc import Callable
from threading import Event, Thread

logger = logging.getLogger(__name__)

_JOIN_S = 5.0  # longer than the longest single inference
_MAX_FAILURES = 3  # of one body within ...
_FAILURES_WITHIN_S = 60.0  # ... this time; then it is left alone

OnFailure = Callable[[str, str, bool], None]


class ThreadGroup:
    """Named threads with a way to tell each one to stop.

    A body that raises is reported and entered again: what it was working on is lost, not the
    thread. One that keeps raising is given up.
    """

    def __init__(self, on_failure: OnFailure) -> None:
        """``on_failure`` gets name, message and whether the thread is over; on that thread."""
        self._on_failure = on_failure
        self._members: list[tuple[Thread, Callable[[], None]]] = []
        self._is_leaving = Event()

    def start(self, name: str, body: Callable[[], None], stop: Callable[[], None]) -> None:
        """Starts a thread; ``stop`` must make ``body`` return soon."""
        thread = Thread(target=self._run, args=(name, body), name=f"parley-{name}")
        self._members.append((thread, stop))
        thread.start()

    def join(self) -> tuple[str, ...]:
        """Stops and joins all, youngest first; returns the names of survivors (an error)."""
        self._is_leaving.set()
        survivors: list[str] = []
        for thread, stop in reversed(self._members):
            stop()
            thread.join(_JOIN_S)
            if thread.is_alive():
                survivors.append(thread.name)
                logger.error("thread %s did not end within %.0f s", thread.name, _JOIN_S)
        self._members.clear()
        return tuple(survivors)

    def _run(self, name: str, body: Callable[[], None]) -> None:
        failed_at_s: list[float] = []
        while True:
            try:
                body()
            except Exception as error:  # the thread's boundary: reported, never swallowed
                logger.exception("thread %s failed", name)
                now_s = time.monotonic()
                failed_at_s = [at for at in failed_at_s if now_s - at < _FAILURES_WITHIN_S]
                failed_at_s.append(now_s)
                is_over = len(failed_at_s) >= _MAX_FAILURES or self._is_leaving.is_set()
                self._on_failure(name, f"{type(error).__name__}: {error}", is_over)
                if not is_over:
                    continue
            return
