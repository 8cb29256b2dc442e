"""A bell that a callback may ring and a thread may wait on.

``SimpleQueue`` is written in C and its ``put`` never blocks, so ringing is callback-safe.
"""

from queue import Empty, SimpleQueue


class WakeSignal:
    """A signal with many ringers and one waiter. Rings that pile up are answered once."""

    def __init__(self) -> None:
        self._rings: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake the waiter. Callback-safe; never piles up when nobody waits."""
        if self._rings.empty():
            self._rings.put(None)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Return True when rung, False after ``timeout_s``."""
        try:
            self._rings.get(timeout=timeout_s)
        except Empty:
            return False
        while not self._rings.empty():
            self._rings.get()
        return True
