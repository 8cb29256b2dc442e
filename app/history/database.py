"""The SQLite file under the history: its tables and versions, opening, checking, and its errors."""

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from app.history.search import prepare_search, transaction
from app.messages.errors import DamagedHistoryError, HistoryError, NewerHistoryError, one_line

Migration = Callable[[sqlite3.Connection], None]

_VERSION_1 = (
    """
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL,
        has_own_title INTEGER NOT NULL,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    )
    """,
    """
    CREATE TABLE turns (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation_id INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
        turn_no INTEGER NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
        text TEXT NOT NULL,
        was_cut INTEGER NOT NULL DEFAULT 0,
        at REAL NOT NULL,
        UNIQUE (conversation_id, turn_no, role)
    )
    """,
    "CREATE INDEX conversations_by_age ON conversations (updated_at DESC, id DESC)",
)


def _create_tables(db: sqlite3.Connection) -> None:
    for statement in _VERSION_1:
        db.execute(statement)


MIGRATIONS: tuple[Migration, ...] = (_create_tables,)
"""Step ``i`` leads from version ``i`` to ``i + 1``; an empty file has version 0."""


_BUSY_TIMEOUT_S = 5.0  # another Parley may be writing; its transactions take milliseconds
_DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF  # extended result codes keep the primary one in their low byte


def version_of(db: sqlite3.Connection) -> int:
    """Return the version of the tables; 0 for an empty file."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring ``db`` to the newest version; a crash leaves one version whole."""
    for version in range(version_of(db), len(migrations)):
        with transaction(db):
            # Another process may have been first while this one waited for the lock.
            if version_of(db) == version:
                migrations[version](db)
                db.execute(f"PRAGMA user_version = {version + 1}")


@contextmanager
def translated(path: Path | None) -> Generator[None]:
    """Turn SQLite's errors into ours, in one line that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        message = f"{path or 'history in memory'}: {one_line(str(error))}"
        if code is not None and code & _PRIMARY_CODE in _DAMAGE_CODES:
            raise DamagedHistoryError(message) from error
        raise HistoryError(message) from error


def connect(path: Path | None) -> sqlite3.Connection:
    """Open or create the file. Raises HistoryError."""
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
    """Check, migrate and index; return whether full-text search works."""
    version = version_of(db)
    if version > len(migrations):
        raise NewerHistoryError(
            f"{path}: written by a newer Parley (version {version}, this one knows"
            f" {len(migrations)}); install that one, or move the file away to start a new one"
        )
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise DamagedHistoryError(f"{path}: the database is damaged")
    if version == 0 and _tables(db):
        raise DamagedHistoryError(f"{path}: a database, but not a history of conversations")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")
    migrate(db, migrations)
    if not _tables(db) >= {"conversations", "turns"}:
        raise DamagedHistoryError(f"{path}: a database, but not a history of conversations")
    return prepare_search(db)


def _tables(db: sqlite3.Connection) -> set[str]:
    return {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
