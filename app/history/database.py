"""Tables of the history file, its versions, and the steps from one version to the next.

Knows nothing of conversations as the rest of the application sees them.

The SQLite file under the history: opening, checking, and its errors in our words.

Knows the schema, not what conversations are for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from app.messages.errors import DamagedHistoryError, HistoryError, NewerHistoryError, one_line

Migration = Callable[[sqlite3.Connection], None]

EXPECTED_TABLES = frozenset({"conversations", "turns"})

SEARCH_TABLE = "turns_search"

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


def version_of(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Brings ``db`` to the newest version; a crash leaves one version whole."""
    for version in range(version_of(db), len(migrations)):
        db.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been first while this one waited for the lock.
            if version_of(db) == version:
                migrations[version](db)
                db.execute(f"PRAGMA user_version = {version + 1}")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def has_any_table(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None


def has_expected_tables(db: sqlite3.Connection) -> bool:
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {row[0] for row in rows} >= EXPECTED_TABLES


def prepare_search(db: sqlite3.Connection) -> bool:
    """Keeps a full-text index beside ``turns``; False where this SQLite has no FTS5.

    The index is no part of the versioned schema: a file written without it is indexed when it is
    next opened with it, and triggers keep the two equal within each transaction.
    """
    if not has_full_text_search(db):
        for suffix in ("added", "changed", "removed"):
            db.execute(f"DROP TRIGGER IF EXISTS {SEARCH_TABLE}_{suffix}")
        return False
    known = db.execute(
        "SELECT count(*) FROM sqlite_master WHERE name IN (?, ?)",
        (SEARCH_TABLE, f"{SEARCH_TABLE}_added"),
    ).fetchone()[0]
    if known == 2:
        return True
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in _SEARCH_STATEMENTS:
            db.execute(statement)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return True


def has_full_text_search(db: sqlite3.Connection) -> bool:
    rows = db.execute("SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_FTS5'")
    return rows.fetchone() is not None


_REMOVE = "INSERT INTO turns_search(turns_search, rowid, text) VALUES ('delete', old.id, old.text);"
_ADD = "INSERT INTO turns_search(rowid, text) VALUES (new.id, new.text);"

_SEARCH_STATEMENTS = (
    """
    CREATE VIRTUAL TABLE IF NOT EXISTS turns_search
    USING fts5(text, content='turns', content_rowid='id', tokenize='unicode61 remove_diacritics 2')
    """,
    f"CREATE TRIGGER IF NOT EXISTS turns_search_added AFTER INSERT ON turns BEGIN {_ADD} END",
    f"""
    CREATE TRIGGER IF NOT EXISTS turns_search_changed AFTER UPDATE OF text ON turns
    BEGIN {_REMOVE} {_ADD} END
    """,
    f"CREATE TRIGGER IF NOT EXISTS turns_search_removed AFTER DELETE ON turns BEGIN {_REMOVE} END",
    "INSERT INTO turns_search(turns_search) VALUES ('rebuild')",
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
