"""What waits to be handled by a model: bounded, in order, with one reader.

Policy: audio frames are dropped, oldest first, when more than twenty seconds of them wait; a
cancellation overtakes everything but the start of its own generation; nothing else is ever dropped.
"""

import threading
from collections import deque

from model.requests import Cancel, Hear, ModelRequest, ReplyRequest, Say

MAX_WAITING_S = 20.0  # a long turn: on a busy machine the first words of it must not be lost


class RequestQueue:
    """A bounded queue of requests. ``put`` never blocks.

    Attributes:
        n_dropped: audio frames that were dropped.
    """

    def __init__(self, max_waiting_s: float = MAX_WAITING_S) -> None:
        self._max_waiting_s = max_waiting_s
        self._requests: deque[ModelRequest] = deque()
        self._waiting_s = 0.0
        self._changed = threading.Condition()
        self._is_closed = False
        self.n_dropped = 0

    def put(self, request: ModelRequest) -> None:
        """Add a request; any thread may call it. Ignored once closed."""
        with self._changed:
            if self._is_closed:
                return
            if isinstance(request, Cancel) and not self._starts_here(request.generation):
                self._requests.appendleft(request)
            else:
                self._requests.append(request)
            if isinstance(request, Hear):
                self._waiting_s += _seconds(request)
                while self._waiting_s > self._max_waiting_s + 1e-6:
                    self._drop_oldest_frame()
            self._changed.notify()

    def take(self, block: bool) -> ModelRequest | None:
        """Return the next request; None when there is none, or when blocked and closed."""
        with self._changed:
            while block and not self._requests and not self._is_closed:
                self._changed.wait()
            if not self._requests:
                return None
            request = self._requests.popleft()
            if isinstance(request, Hear):
                self._waiting_s -= _seconds(request)
            return request

    def close(self) -> None:
        """Wake the reader; what waits can still be taken, nothing more is accepted."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Return whether ``close`` was called."""
        return self._is_closed

    def __len__(self) -> int:
        return len(self._requests)

    def _starts_here(self, generation: int) -> bool:
        return any(
            isinstance(r, ReplyRequest | Say) and r.generation == generation for r in self._requests
        )

    def _drop_oldest_frame(self) -> None:
        index, frame = next((i, r) for i, r in enumerate(self._requests) if isinstance(r, Hear))
        del self._requests[index]
        self._waiting_s -= _seconds(frame)
        self.n_dropped += 1


def _seconds(request: Hear) -> float:
    return len(request.frame.samples) / request.frame.rate_hz
