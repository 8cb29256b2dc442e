"""Conversations on disk: what the user said and what was really heard of the answers."""

import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.history.database import MIGRATIONS, Migration, connect, prepare, translated
from app.history.search import condition, parse_query, snippet_of, storable, transaction
from app.messages.errors import UnknownConversationError

_TITLE_WORDS = 6
_TITLE_CHARS = 40


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    """A line in the list of conversations. Times are UTC and aware.

    Attributes:
        n_turns: how often either side spoke.
        snippet: the place that matched the query, else the newest words.
    """

    id: int
    title: str
    created_at: datetime
    updated_at: datetime
    n_turns: int
    snippet: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said.

    Attributes:
        turn_no: the user's turn and the answer to it share it; grows within a conversation.
        role: "user" or "assistant".
        text: of the assistant: only what was heard.
        was_cut: the assistant had more to say.
        at: when it was first written, UTC.
    """

    turn_no: int
    role: str
    text: str
    was_cut: bool
    at: datetime


def utc_now() -> datetime:
    """Return the time of day, aware, in UTC."""
    return datetime.now(UTC)


class HistoryStore:
    """The conversations in one SQLite file, or in memory. Any thread may call it.

    One connection to write and one to read, each behind a lock of its own: however long the window
    searches, the session's next turn does not wait for it. A store in memory has but one.

    Every put is a committed transaction. With WAL and synchronous=NORMAL a killed process loses
    nothing that was committed; only a power cut may lose the last turns, never the file. FULL would
    add a disk flush to every turn on the thread that takes the decisions.
    """

    def __init__(
        self,
        path: Path | None,
        now: Callable[[], datetime] = utc_now,
        migrations: tuple[Migration, ...] = MIGRATIONS,
    ) -> None:
        """Open ``path``, or with None a store that is forgotten at ``close``.

        Raises:
            DamagedHistoryError: it is no database, or a broken one; the file is left as it is.
            NewerHistoryError: a newer version wrote it; the file is left as it is.
            HistoryError: it cannot be opened, or another program holds it.
        """
        self._path = path
        self._now = now
        self._lock = threading.RLock()
        self._n_changes = 0
        self._db = connect(path)
        try:
            with translated(path):
                self._has_index = prepare(self._db, path, migrations)
            self._reader = self._db if path is None else connect(path)
        except BaseException:
            self._db.close()
            raise
        self._read_lock = self._lock if path is None else threading.RLock()

    @property
    def n_changes(self) -> int:
        """Return a number that grows with every change made through this object."""
        return self._n_changes

    def close(self) -> None:
        """Close the file; every later call raises HistoryError."""
        with self._read_lock, self._lock:
            self._reader.close()
            self._db.close()

    def create_conversation(self, title: str = "") -> int:
        """Begin a conversation and return its id; the user's first words stand in for a title."""
        now = self._now().timestamp()
        title = storable(title).strip()
        with self._change() as db:
            cursor = db.execute(
                "INSERT INTO conversations (title, has_own_title, created_at, updated_at)"
                " VALUES (?, ?, ?, ?)",
                (title, bool(title), now, now),
            )
            return int(cursor.lastrowid or 0)

    def put_user_turn(self, conversation_id: int, turn_no: int, text: str) -> None:
        """Write what the user said; the same turn again replaces it, blank text removes it."""
        with self._change() as db:
            self._put(db, conversation_id, turn_no, "user", text, was_cut=False)
            _refresh_title(db, conversation_id)

    def put_assistant_turn(
        self, conversation_id: int, turn_no: int, heard_text: str, was_cut: bool
    ) -> None:
        """Write what was heard of the answer, never what was only planned; blank removes it."""
        with self._change() as db:
            self._put(db, conversation_id, turn_no, "assistant", heard_text, was_cut=was_cut)

    def rename(self, conversation_id: int, title: str) -> None:
        """Change the title; a blank one brings the automatic one back."""
        title = storable(title).strip()
        with self._change() as db:
            db.execute(
                "UPDATE conversations SET title = ?, has_own_title = ? WHERE id = ?",
                (title, bool(title), conversation_id),
            )
            _refresh_title(db, conversation_id)

    def delete(self, conversation_id: int) -> None:
        """Remove a conversation; its words are overwritten in the file."""
        with self._change() as db:
            db.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))
            if self._has_index:
                db.execute("INSERT INTO turns_search(turns_search) VALUES ('optimize')")
        self._empty_log()

    def delete_all(self) -> None:
        """Remove every conversation and shrink the file."""
        with self._change() as db:
            db.execute("DELETE FROM conversations")
            if self._has_index:
                db.execute("INSERT INTO turns_search(turns_search) VALUES ('rebuild')")
        with self._lock, translated(self._path):
            self._db.execute("VACUUM")
        self._empty_log()

    def newest(self) -> ConversationInfo | None:
        """Return the conversation that was changed last; None where there is none."""
        found = self.list_conversations(limit=1)
        return found[0] if found else None

    def conversation(self, conversation_id: int) -> ConversationInfo:
        """Return one conversation. Raises UnknownConversationError."""
        rows = self._read(f"{_SELECT_INFO} WHERE c.id = ?", (conversation_id,))
        if not rows:
            raise UnknownConversationError(f"conversation {conversation_id} no longer exists")
        return _info(rows[0], ())

    def list_conversations(self, limit: int = 200, query: str = "") -> tuple[ConversationInfo, ...]:
        """Return the newest first; with a query, those with all its words in title or one turn."""
        words = parse_query(query)
        if not words:
            return tuple(
                _info(row, words) for row in self._read(_SELECT_INFO + _NEWEST_FIRST, (limit,))
            )
        in_turn, turn_values = condition(words, "t.id", "t.text", self._has_index)
        in_title, title_values = condition(words, "c.id", "c.title", has_index=False)
        # The conditions are ours; what was typed is among the values.
        sql = f"""
            {_SELECT_INFO.replace("NULL", "(SELECT text FROM turns WHERE id = hits.turn_id)")}
            LEFT JOIN (
                SELECT t.conversation_id, max(t.id) AS turn_id FROM turns t
                WHERE {in_turn} GROUP BY t.conversation_id
            ) AS hits ON hits.conversation_id = c.id
            WHERE hits.turn_id IS NOT NULL OR {in_title}
            {_NEWEST_FIRST}"""  # noqa: S608
        values = (*turn_values, *title_values, limit)
        return tuple(_info(row, words) for row in self._read(sql, values))

    def turns(self, conversation_id: int) -> tuple[Turn, ...]:
        """Return what was said, in order, the user before the answer."""
        return tuple(
            Turn(turn_no, role, text, bool(was_cut), datetime.fromtimestamp(at, UTC))
            for turn_no, role, text, was_cut, at in self._read(_SELECT_TURNS, (conversation_id,))
        )

    def _put(
        self,
        db: sqlite3.Connection,
        conversation_id: int,
        turn_no: int,
        role: str,
        text: str,
        *,
        was_cut: bool,
    ) -> None:
        now = self._now().timestamp()
        known = db.execute(
            "UPDATE conversations SET updated_at = ? WHERE id = ?", (now, conversation_id)
        )
        if known.rowcount == 0:
            raise UnknownConversationError(f"conversation {conversation_id} no longer exists")
        text = storable(text).strip()
        if text:
            db.execute(_PUT_TURN, (conversation_id, turn_no, role, text, was_cut, now))
        else:
            db.execute(
                "DELETE FROM turns WHERE conversation_id = ? AND turn_no = ? AND role = ?",
                (conversation_id, turn_no, role),
            )

    def _read(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._read_lock, translated(self._path):
            return self._reader.execute(sql, values).fetchall()

    @contextmanager
    def _change(self) -> Generator[sqlite3.Connection]:
        with self._lock, translated(self._path):
            with transaction(self._db):
                yield self._db
            self._n_changes += 1

    def _empty_log(self) -> None:
        """Empty the write-ahead log: deleted words must not live on there."""
        with self._lock, translated(self._path):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_SELECT_INFO = """
    SELECT c.id, c.title, c.created_at, c.updated_at,
        (SELECT count(*) FROM turns WHERE conversation_id = c.id),
        coalesce(
            NULL,
            (SELECT t.text FROM turns t WHERE t.conversation_id = c.id
             ORDER BY t.turn_no DESC, t.role LIMIT 1),
            '')
    FROM conversations c"""

_NEWEST_FIRST = " ORDER BY c.updated_at DESC, c.id DESC LIMIT ?"

_SELECT_TURNS = """
    SELECT t.turn_no, t.role, t.text, t.was_cut, t.at FROM turns t
    WHERE t.conversation_id = ? ORDER BY t.turn_no, t.role DESC"""

_PUT_TURN = """
    INSERT INTO turns (conversation_id, turn_no, role, text, was_cut, at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (conversation_id, turn_no, role)
    DO UPDATE SET text = excluded.text, was_cut = excluded.was_cut"""


def title_from(text: str) -> str:
    """Return the first words of what the user said."""
    words = text.split()
    title = " ".join(words[:_TITLE_WORDS])
    is_whole = len(words) <= _TITLE_WORDS and len(title) <= _TITLE_CHARS
    title = title[:_TITLE_CHARS].rstrip(" .,!?;:。，！？；：、")
    return title if is_whole else f"{title}…"


def _refresh_title(db: sqlite3.Connection, conversation_id: int) -> None:
    """Renew an automatic title: the first turn may have been revised or removed."""
    row = db.execute(
        "SELECT text FROM turns WHERE conversation_id = ? AND role = 'user'"
        " ORDER BY turn_no LIMIT 1",
        (conversation_id,),
    ).fetchone()
    db.execute(
        "UPDATE conversations SET title = ? WHERE id = ? AND has_own_title = 0",
        (title_from(row[0]) if row else "", conversation_id),
    )


def _info(row: tuple[Any, ...], words: tuple[str, ...]) -> ConversationInfo:
    return ConversationInfo(
        id=row[0],
        title=row[1],
        created_at=datetime.fromtimestamp(row[2], UTC),
        updated_at=datetime.fromtimestamp(row[3], UTC),
        n_turns=row[4],
        snippet=snippet_of(row[5], words),
    )
