"""What happened and when, as flat records: in memory while Parley runs, as JSON lines for a scene.

Knows no event by name. It may hold what the user said, so it is never written unless asked.
"""

from __future__ import annotations

import json
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import cast

from model.files.whole_file import write_atomically

LIVE_ENTRIES = 20_000  # about ten minutes of lively talk, some 10 MB
_DIGITS = 4  # 0.1 ms

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Entry = dict[str, Json]


class Timeline:
    """Records in order of arrival; any thread may write.

    Args:
        max_entries: beyond it the oldest are dropped and counted; None keeps everything.
    """

    def __init__(self, max_entries: int | None = LIVE_ENTRIES) -> None:
        self._entries: deque[Entry] = deque(maxlen=max_entries)
        self._listeners: tuple[Callable[[Entry], None], ...] = ()
        self._lock = threading.Lock()
        self._n_dropped = 0

    @property
    def n_dropped(self) -> int:
        return self._n_dropped

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Calls it with each new record, on the thread that records; it must be quick."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def record(self, event: str, t_s: float, **fields: object) -> None:
        """Notes ``event`` at ``t_s`` on the microphone's clock.

        Floats are rounded to 0.1 ms; what JSON cannot hold (nan, infinity) becomes null. Raises
        TypeError for a field that is no number, text, list or mapping.
        """
        entry: Entry = {"t_s": _json(t_s), "event": event}
        entry.update((key, _json(value)) for key, value in fields.items())
        with self._lock:
            if len(self._entries) == self._entries.maxlen:
                self._n_dropped += 1
            self._entries.append(entry)
            listeners = self._listeners
        for listener in listeners:
            listener(entry)

    def entries(self) -> tuple[Entry, ...]:
        """All that is kept, by time; equal times in order of arrival."""
        with self._lock:
            kept = tuple(self._entries)
        return tuple(sorted(kept, key=_time_of))

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def write_jsonl(self, path: Path) -> None:
        """One JSON object a line, by time. Raises OSError."""
        lines = (json.dumps(entry, ensure_ascii=False) for entry in self.entries())
        write_atomically(path, "".join(f"{line}\n" for line in lines))


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
