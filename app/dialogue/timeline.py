"""What happened and when, as flat records that JSON can hold; they may hold what the user said."""

import math
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import cast

LIVE_ENTRIES = 20_000  # about ten minutes of lively talk, some 10 MB
_DIGITS = 4  # 0.1 ms

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Entry = dict[str, Json]


class Timeline:
    """Records in order of arrival; any thread may write.

    Args:
        max_entries: beyond it the oldest are dropped; None keeps everything.
    """

    def __init__(self, max_entries: int | None = LIVE_ENTRIES) -> None:
        self._entries: deque[Entry] = deque(maxlen=max_entries)
        self._listeners: tuple[Callable[[Entry], None], ...] = ()
        self._lock = threading.Lock()

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Call ``listener`` with each new record, on the thread that records; it must be quick."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def record(self, event: str, t_s: float, **fields: object) -> None:
        """Record ``event`` at ``t_s`` seconds on the microphone's clock.

        Floats are rounded to four digits; what JSON cannot hold (nan, infinity) becomes null.
        Raises TypeError for a field that is no number, text, list or mapping.
        """
        entry: Entry = {"t_s": _json(t_s), "event": str(event)}
        entry.update((key, _json(value)) for key, value in fields.items())
        with self._lock:
            self._entries.append(entry)
            listeners = self._listeners
        for listener in listeners:
            listener(entry)

    def entries(self) -> tuple[Entry, ...]:
        """Return all that is kept, by time; equal times in order of arrival."""
        with self._lock:
            kept = tuple(self._entries)
        return tuple(sorted(kept, key=_time_of))


def _time_of(entry: Entry) -> float:
    t_s = entry["t_s"]
    return t_s if isinstance(t_s, (int, float)) else -math.inf


def _json(value: object) -> Json:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value).encode("utf-8", "replace").decode("utf-8")  # an enum's text, too
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return round(number, _DIGITS) if math.isfinite(number) else None
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): _json(item) for key, item in items}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in cast("Sequence[object]", value)]
    raise TypeError(f"a timeline cannot hold {type(value).__name__}")
