"""Threads are born and joined here, in order and in reverse."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Thread

logger = logging.getLogger(__name__)

_JOIN_S = 5.0  # longer than the longest single inference


class Crew:
    """Named threads with a way to tell each one to stop."""

    def __init__(self, on_failure: Callable[[str, str], None]) -> None:
        self._on_failure = on_failure
        self._members: list[tuple[Thread, Callable[[], None]]] = []

    def hire(self, name: str, body: Callable[[], None], stop: Callable[[], None]) -> None:
        """Starts a thread; ``stop`` must make ``body`` return soon. A raising body is reported."""
        thread = Thread(target=self._run, args=(name, body), name=f"parley-{name}")
        self._members.append((thread, stop))
        thread.start()

    def dismiss(self) -> tuple[str, ...]:
        """Stops and joins all, youngest first; returns the names of survivors (an error)."""
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
        try:
            body()
        except Exception as error:  # the thread's boundary: reported, never swallowed
            logger.exception("thread %s failed", name)
            self._on_failure(name, f"{type(error).__name__}: {error}")
