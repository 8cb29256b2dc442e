"""Opens the history so that the application can always start.

A damaged file is put aside and a new one begun; one that must not be touched is replaced by memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.history.store import HistoryStore, utc_now
from app.messages.errors import DamagedHistoryError, HistoryError
from app.messages.notices import Notice, NoticeKind
from model.files.whole_file import put_aside

NOTICE_KEY = "history"

_COMPANIONS = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class OpenedHistory:
    """A store that works, and what a person should know of it."""

    store: HistoryStore
    notices: tuple[Notice, ...] = ()


def open_history(
    path: Path, keep: bool = True, now: Callable[[], datetime] = utc_now
) -> OpenedHistory:
    """Open the history, whatever is wrong with the file.

    Args:
        keep: False reads and writes nothing; the conversations live in memory.
        now: the wall clock, aware.
    """
    if not keep:
        return OpenedHistory(HistoryStore(None, now))
    try:
        return OpenedHistory(HistoryStore(path, now))
    except DamagedHistoryError as error:
        return _begin_anew(path, now, error)
    except HistoryError as error:
        return _in_memory(now, error)


def _begin_anew(path: Path, now: Callable[[], datetime], cause: HistoryError) -> OpenedHistory:
    try:
        aside = put_aside(path, now(), _COMPANIONS)
        store = HistoryStore(path, now)
    except (OSError, HistoryError):
        return _in_memory(now, cause)
    text = f"{cause}. It was kept as {aside.name} and a new history was begun."
    notice = Notice(
        NOTICE_KEY, NoticeKind.WARNING, text, "dismiss", "OK", "history_put_aside",
        (("reason", str(cause)), ("name", aside.name)),
    )  # fmt: skip
    return OpenedHistory(store, (notice,))


def _in_memory(now: Callable[[], datetime], cause: HistoryError) -> OpenedHistory:
    text = f"{cause}. Until then conversations are not kept."
    notice = Notice(
        NOTICE_KEY, NoticeKind.ERROR, text, "dismiss", "OK", "history_in_memory",
        (("reason", str(cause)),),
    )  # fmt: skip
    return OpenedHistory(HistoryStore(None, now), (notice,))
