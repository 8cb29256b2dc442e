"""Bounded queues between threads: many writers, one reader, a name and a stated overflow policy."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from threading import Condition
from typing import Generic, TypeVar

T = TypeVar("T")


class Overflow(StrEnum):
    """What happens to an item when the queue is full."""

    DROP_OLDEST = "drop_oldest"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class QueueStats:
    """How full a queue is, how full it has been, and how many items did not fit."""

    name: str
    depth: int
    max_depth: int
    n_lost: int


class BoundedQueue(Generic[T]):
    """A queue whose writers never wait; what does not fit is counted."""

    def __init__(self, name: str, capacity: int, overflow: Overflow) -> None:
        self.name = name
        self.is_closed = False
        self._capacity = capacity
        self._overflow = overflow
        self._items: deque[T] = deque()
        self._ready = Condition()
        self._max_depth = 0
        self._n_lost = 0

    def put(self, item: T) -> bool:
        """Add ``item``; return False when it was refused or the queue is closed."""
        with self._ready:
            if self.is_closed:
                return False
            if len(self._items) >= self._capacity:
                self._n_lost += 1
                if self._overflow is Overflow.REFUSE:
                    return False
                self._items.popleft()
            self._items.append(item)
            self._max_depth = max(self._max_depth, len(self._items))
            self._ready.notify()
            return True

    def take_all(self, timeout_s: float | None = None) -> list[T]:
        """Return everything there is, after waiting up to ``timeout_s`` for something."""
        with self._ready:
            if not self._items and not self.is_closed:
                self._ready.wait(timeout_s)
            items = list(self._items)
            self._items.clear()
            return items

    def close(self) -> None:
        """Wake the reader; what is still inside can be taken, nothing more goes in."""
        with self._ready:
            self.is_closed = True
            self._ready.notify_all()

    def stats(self) -> QueueStats:
        """Return the statistics so far."""
        with self._ready:
            return QueueStats(self.name, len(self._items), self._max_depth, self._n_lost)
