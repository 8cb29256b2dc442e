"""How far the work is, on a terminal: a bar, a line for each failure, totals at the end."""

from collections.abc import Callable, Mapping
from typing import Any, Self, TextIO

from app.batch.entries import Entry, Task
from app.messages.progress_bar import ProgressBar

_ONE_FORMAT = "{l_bar}{bar}| {n:.0f}/{total:.0f} {unit} [{elapsed}<{remaining}]"


class Meter:
    """Watches a batch on one stream; a context manager, so that the bar ends with the work.

    Attributes:
        n_ended: entries that have a result, of this run or an earlier one.
    """

    def __init__(self, stream: TextIO, *, is_quiet: bool) -> None:
        self._stream = stream
        self._is_quiet = is_quiet
        self._bar: ProgressBar | None = None
        self._show: Callable[[Mapping[str, Any]], None] | None = None
        self._task: Task | None = None  # of the only entry
        self.n_ended = 0
        self._n_before = 0
        self._n_failed = 0
        self._sound_s = 0.0
        self._compute_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def begin_one(self, task: Task) -> None:
        """Let the bar run along one recording or text, where the stream is a terminal."""
        self._task = task

    def begin_many(
        self, n_entries: int, show: Callable[[Mapping[str, Any]], None], name: str | None = None
    ) -> None:
        """Let the bar count entries; ``show`` gets every result of this run, with the bar away."""
        self._show = show
        if not self._is_quiet:
            self._bar = ProgressBar(self._stream, total=n_entries, desc=name, unit="entry")

    def progress(self, done: float, total: float) -> None:
        """See ``batch.Watcher``."""
        if self._task is None or self._is_quiet or not self._stream.isatty():
            return
        if self._bar is None:
            unit = "characters" if self._task is Task.SPEAK else "s"
            options = {"total": total, "desc": self._task.value, "unit": unit}
            self._bar = ProgressBar(self._stream, bar_format=_ONE_FORMAT, **options)
        self._bar.show(min(done, total))

    def ended(self, entry: Entry, row: Mapping[str, Any], *, was_done: bool) -> None:
        """See ``batch.Watcher``."""
        self.n_ended += row["error"] is None
        if was_done:
            self._n_before += 1
        elif row["error"] is None:
            self._sound_s += row["duration_s"] + (row["reply_duration_s"] or 0.0)
            self._compute_s += row["compute_s"]
        if self._bar is not None and self._task is None:
            self._bar.clear()
        if row["error"] is not None:
            self._n_failed += 1
            error: str = row["error"]
            line = error if error.startswith(entry.id) else f"{entry.id}: {error}"
            self._stream.write(f"parley: {line}\n")
        if self._show is not None and not was_done:
            self._show(row)
        if self._bar is not None and self._task is None:
            self._bar.update(1)

    def tell_totals(self) -> None:
        """Write one line of totals."""
        self._close()
        if self._is_quiet:
            return
        n_now = self.n_ended - self._n_before
        parts: list[str] = []
        if self._sound_s:
            parts.append(f"{n_now} done: {self._sound_s:.1f} s of sound in {self._compute_s:.1f} s")
            parts.append(f"real-time factor {self._compute_s / self._sound_s:.2f}")
        if self._n_before:
            parts.append(f"{self._n_before} done before")
        if self._n_failed:
            parts.append(f"{self._n_failed} failed")
        self._stream.write(", ".join(parts) + "\n")

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None
