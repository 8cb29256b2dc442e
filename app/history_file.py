"""The SQLite file under the history: opening, checking, and its errors in our words.

Knows the schema, not what conversations are for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from app.errors import DamagedHistoryError, HistoryError, NewerHistoryError, one_line
from app.history_schema import (
    Migration,
    has_any_table,
    has_expected_tables,
    migrate,
    prepare_search,
    version_of,
)

_BUSY_TIMEOUT_S = 5.0  # another Parley may be writing; its transactions take milliseconds
_DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF  # extended result codes keep the primary one in their low byte


@contextmanager
def translated(path: Path | None) -> Generator[None]:
    """SQLite's errors as ours, in one line that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        message = f"{path or 'history in memory'}: {one_line(str(error))}"
        if code is not None and code & _PRIMARY_CODE in _DAMAGE_CODES:
            raise DamagedHistoryError(message) from error
        raise HistoryError(message) from error


def connect(path: Path | None) -> sqlite3.Connection:
    """Opens or creates the file. Raises HistoryError."""
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # nobody else's business; the log files inherit it
        db = sqlite3.connect(
            path or ":memory:",
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,  # the store's locks take care
        )
    except (sqlite3.Error, OSError) as error:
        raise HistoryError(f"{path}: {one_line(str(error))}") from error
    db.create_function("folded", 1, _folded, deterministic=True)
    return db


def _folded(text: object) -> str:
    return str(text).casefold()


def prepare(db: sqlite3.Connection, path: Path | None, migrations: tuple[Migration, ...]) -> bool:
    """Checks, migrates and indexes; True where full-text search works."""
    version = version_of(db)
    if version > len(migrations):
        raise NewerHistoryError(
            f"{path}: written by a newer Parley (version {version}, this one knows"
            f" {len(migrations)}); install that one, or move the file away to start a new one"
        )
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise DamagedHistoryError(f"{path}: the database is damaged")
    if version == 0 and has_any_table(db):
        raise DamagedHistoryError(f"{path}: a database, but not a history of conversations")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")
    migrate(db, migrations)
    if not has_expected_tables(db):
        raise DamagedHistoryError(f"{path}: a database, but not a history of conversations")
    return prepare_search(db)
