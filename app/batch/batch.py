"""Many entries one after the other: what is done is skipped, what fails is noted."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from app.batch.entries import Entry, Task, content_key
from app.batch.result_log import ResultLog
from app.batch.sound_file import OutputError
from app.batch.work import Outcome, Workbench
from app.messages.errors import BadInputError, ParleyError, one_line
from model.types import VoiceChoice


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with every entry.

    Attributes:
        voice: for entries that name none; "" chooses by language. ``rate`` likewise.
        language: what the model listens for, "auto" for what it can tell apart.
        outputs: file for the sound of an entry, by id; entries that are not listed make none.
        base: folder that the paths in a result are relative to, where they are below it.
    """

    task: Task
    model: str
    voice: str
    rate: float
    language: str
    outputs: Mapping[str, Path]
    base: Path | None = None


class Watcher(Protocol):
    """Whoever shows how far the work is."""

    def progress(self, done: float, total: float) -> None:
        """Take note of the present entry, in seconds heard or characters spoken."""
        ...

    def ended(self, entry: Entry, row: Mapping[str, Any], *, was_done: bool) -> None:
        """Take note of a result; ``was_done``: an earlier run did it."""
        ...


class Batch:
    """Carries out an order. Every entry begins anew: nothing is carried from one to the next."""

    def __init__(
        self,
        order: Order,
        open_workbench: Callable[[], Workbench],
        told: Callable[[Exception], str],
        log: ResultLog | None = None,
    ) -> None:
        """Take the order.

        Args:
            open_workbench: called once, when there is work for it.
            told: returns a line about a failure of the model.
        """
        self._told = told
        self._order = order
        self._open_workbench = open_workbench
        self._opened: Workbench | None = None
        self._log = log

    def run(self, entries: Sequence[Entry], watcher: Watcher) -> int:
        """Work through the entries and return how many failed.

        Raises:
            OutputError: results cannot be written; what was written before stays.
        """
        n_failed = 0
        for entry in entries:
            row, was_done = self._result(entry, watcher)
            n_failed += row["error"] is not None
            if self._log is not None and not was_done:
                self._log.append(row)
            watcher.ended(entry, row, was_done=was_done)
        return n_failed

    def _result(self, entry: Entry, watcher: Watcher) -> tuple[Mapping[str, Any], bool]:
        if entry.fault:
            return self._row(entry, None, None, one_line(entry.fault)), False
        key = None
        if self._log is not None:
            try:
                key = content_key(self._order.task, entry, self._settings(entry))
            except BadInputError as error:
                return self._row(entry, None, None, str(error)), False
            row = self._log.done(entry.id, key)
            if row is not None and self._has_sound(entry):
                return row, True
        workbench = self._workbench()  # no entry's fault if that fails
        try:
            return self._row(entry, key, self._done(workbench, entry, watcher)), False
        except OutputError:
            raise
        except ParleyError as error:
            return self._row(entry, key, None, str(error)), False
        except Exception as error:  # noqa: BLE001 - a plug-in: one entry must not end all others
            return self._row(entry, key, None, one_line(self._told(error))), False

    def _workbench(self) -> Workbench:
        if self._opened is None:
            self._opened = self._open_workbench()
        return self._opened

    def do(self, entry: Entry, watcher: Watcher) -> Mapping[str, Any]:
        """Do one entry whatever the log says. Raises what ``Workbench`` raises."""
        return self._row(entry, None, self._done(self._workbench(), entry, watcher))

    def _done(self, workbench: Workbench, entry: Entry, watcher: Watcher) -> Outcome:
        order = self._order
        out = order.outputs.get(entry.id)
        voice = VoiceChoice(entry.voice or order.voice, entry.rate or order.rate)
        if order.task is Task.SPEAK:
            assert out is not None
            return workbench.speak(entry.text or "", out, voice, watcher.progress)
        assert entry.audio is not None
        if order.task is Task.ANSWER:
            return workbench.answer(entry.audio, out, voice, watcher.progress)
        return workbench.transcribe(entry.audio, watcher.progress)

    def _settings(self, entry: Entry) -> Mapping[str, object]:
        order = self._order
        what = {"model": order.model, "language": order.language}
        if order.task is Task.TRANSCRIBE:
            return what
        voice, rate = entry.voice or order.voice, entry.rate or order.rate
        return {**what, "voice": voice, "rate": rate}

    def _has_sound(self, entry: Entry) -> bool:
        out = self._order.outputs.get(entry.id)
        return out is None or out.is_file()

    def _row(
        self, entry: Entry, key: str | None, outcome: Outcome | None, error: str | None = None
    ) -> Mapping[str, Any]:
        """Return a result as it is written: every key, with null where it does not apply."""
        order = self._order
        factor = outcome.real_time_factor if outcome else None
        row: dict[str, Any] = {
            "id": entry.id,
            "audio": _shown(entry.audio, order.base),
            "text": outcome.text if outcome else entry.text,
            "reply_text": outcome.reply_text if outcome else None,
            "reply_audio": _shown(outcome.reply_audio, order.base) if outcome else None,
            "language": outcome.language if outcome else None,
            "compute_s": round(outcome.compute_s, 3) if outcome else None,
            "duration_s": round(outcome.duration_s, 3) if outcome else None,
            "reply_duration_s": _rounded(outcome.reply_duration_s) if outcome else None,
            "real_time_factor": _rounded(factor),
            "model": order.model,
            "key": key,
            "error": error,
        }
        if order.task is Task.TRANSCRIBE:
            row["segments"] = [asdict(segment) for segment in outcome.segments] if outcome else None
        return row


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _shown(path: Path | None, base: Path | None) -> str | None:
    """Return a path relative to ``base`` if it lies below, so that both can move; else absolute."""
    if path is None or base is None:
        return None if path is None else str(path)
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as they were written
    folder = Path(os.path.abspath(base))  # noqa: PTH100 - likewise
    if absolute.is_relative_to(folder):
        return absolute.relative_to(folder).as_posix()
    return str(absolute)
