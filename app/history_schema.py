"""Tables of the history file, its versions, and the steps from one version to the next.

Knows nothing of conversations as the rest of the application sees them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

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
