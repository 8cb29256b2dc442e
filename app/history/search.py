"""Search in the history: the index, what is typed as a condition on text, and the place it hit.

Any text is a valid query: it holds words to find, never syntax.
"""

import re
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager

_MAX_QUERY_CHARS = 200  # keeps the condition far below SQLite's limit on expression depth
_SNIPPET_BEFORE = 30
_SNIPPET_CHARS = 90

# Scripts written without spaces: the index sees a whole sentence as one word there, so that only
# looking through the text finds a part of it.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff]|[^\0-\uffff]"
)


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """Run one transaction: committed at the end, undone by any exception."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def prepare_search(db: sqlite3.Connection) -> bool:
    """Keep a full-text index beside ``turns``; return False where this SQLite has no FTS5.

    The index is no part of the versioned schema: a file written without it is indexed when it is
    next opened with it, and triggers keep the two equal within each transaction.
    """
    if not has_full_text_search(db):
        for suffix in ("added", "changed", "removed"):
            db.execute(f"DROP TRIGGER IF EXISTS turns_search_{suffix}")
        return False
    known = db.execute(
        "SELECT count(*) FROM sqlite_master WHERE name IN (?, ?)",
        ("turns_search", "turns_search_added"),
    ).fetchone()[0]
    if known == 2:
        return True
    with transaction(db):
        for statement in _SEARCH_STATEMENTS:
            db.execute(statement)
    return True


def has_full_text_search(db: sqlite3.Connection) -> bool:
    """Return whether this build of SQLite has FTS5."""
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


def parse_query(query: str) -> tuple[str, ...]:
    """Return the words of what was typed, which must all occur, case-folded."""
    return tuple(dict.fromkeys(storable(query)[:_MAX_QUERY_CHARS].casefold().split()))


def condition(
    words: tuple[str, ...], id_sql: str, text_sql: str, has_index: bool
) -> tuple[str, list[str]]:
    """Return SQL that is true where ``text_sql`` holds every word, and its parameters.

    With the index, a word also matches what begins with it ("rain" finds "raining"); without
    it, what contains it.
    """
    if has_index and all(_is_indexed(word) for word in words):
        match = " ".join('"' + word.replace('"', '""') + '"*' for word in words)
        hits = "(SELECT rowid FROM turns_search WHERE turns_search MATCH ?)"
        return f"{id_sql} IN {hits}", [match]
    each = f"instr(folded({text_sql}), ?) > 0"
    return "(" + " AND ".join([each] * len(words)) + ")", list(words)


def snippet_of(text: str, words: tuple[str, ...]) -> str:
    """Return one line of ``text`` around the first word found, else from its beginning."""
    line = " ".join(text.split())
    folded = line.casefold()
    hits = [at for at in (folded.find(word) for word in words) if at >= 0]
    begin = max(0, min(hits, default=0) - _SNIPPET_BEFORE)
    piece = line[begin : begin + _SNIPPET_CHARS].strip()
    before = "…" if begin > 0 else ""
    after = "…" if begin + _SNIPPET_CHARS < len(line) else ""
    return f"{before}{piece}{after}"


def storable(text: str) -> str:
    """Return ``text`` without what SQLite cannot hold: NUL and halves of surrogate pairs."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _is_indexed(word: str) -> bool:
    return any(char.isalnum() for char in word) and not _UNSPACED.search(word)
