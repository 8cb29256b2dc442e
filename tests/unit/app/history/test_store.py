"""What was said is kept, found, and gone when deleted."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.history.database import MIGRATIONS, connect, migrate
from app.history.opening import open_history
from app.history.search import has_full_text_search, snippet_of
from app.history.store import HistoryStore, title_from
from app.messages.errors import (
    DamagedHistoryError,
    HistoryError,
    NewerHistoryError,
    UnknownConversationError,
)

REPOSITORY = Path(__file__).resolve().parents[4]
NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


class Hours:
    """A wall clock that goes on by an hour whenever it is asked."""

    def __init__(self) -> None:
        self._now = NOON

    def __call__(self) -> datetime:
        self._now += timedelta(hours=1)
        return self._now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[HistoryStore]:
    opened = HistoryStore(path, Hours())
    yield opened
    opened.close()


def texts(store: HistoryStore, conversation_id: int) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in store.turns(conversation_id)]


def found(store: HistoryStore, query: str) -> list[int]:
    return [info.id for info in store.list_conversations(query=query)]


def test_turns_come_back_in_the_order_of_the_conversation(store: HistoryStore) -> None:
    talk = store.create_conversation()
    store.put_user_turn(talk, 1, "Hello.")
    store.put_user_turn(talk, 2, "And now?")
    store.put_assistant_turn(talk, 1, "Hi, how", was_cut=True)
    assert texts(store, talk) == [
        ("user", "Hello."),
        ("assistant", "Hi, how"),
        ("user", "And now?"),
    ]
    assert [turn.was_cut for turn in store.turns(talk)] == [False, True, False]


def test_a_revision_replaces_the_turn_and_keeps_its_time(store: HistoryStore) -> None:
    talk = store.create_conversation()
    store.put_user_turn(talk, 1, "I would like")
    (before,) = store.turns(talk)
    store.put_user_turn(talk, 1, "I would like some tea.")
    (after,) = store.turns(talk)
    assert after.text == "I would like some tea."
    assert after.at == before.at
    assert found(store, "tea") == [talk]


def test_blank_text_removes_the_turn(store: HistoryStore) -> None:
    talk = store.create_conversation()
    store.put_user_turn(talk, 1, "Hm")
    store.put_user_turn(talk, 1, "  ")
    store.put_assistant_turn(talk, 1, "", was_cut=True)
    assert store.turns(talk) == ()
    assert found(store, "hm") == []


def test_what_was_put_is_there_after_closing(path: Path) -> None:
    first = HistoryStore(path)
    talk = first.create_conversation("Tea")
    first.put_user_turn(talk, 1, "Green or black?")
    first.close()
    second = HistoryStore(path)
    assert second.conversation(talk).title == "Tea"
    assert texts(second, talk) == [("user", "Green or black?")]
    second.close()


def test_the_newest_conversation_comes_first(store: HistoryStore) -> None:
    old, new = store.create_conversation("old"), store.create_conversation("new")
    assert [info.id for info in store.list_conversations()] == [new, old]
    store.put_user_turn(old, 1, "again")
    newest = store.newest()
    assert newest is not None
    assert newest.id == old
    assert newest.n_turns == 1
    assert newest.updated_at > newest.created_at
    assert len(store.list_conversations(limit=1)) == 1


def test_an_empty_history_has_no_newest(store: HistoryStore) -> None:
    assert store.newest() is None


def test_the_first_words_become_the_title_and_follow_their_revision(store: HistoryStore) -> None:
    talk = store.create_conversation()
    store.put_user_turn(talk, 1, "What is")
    assert store.conversation(talk).title == "What is"
    store.put_user_turn(talk, 1, "What is the weather like in Paris?")
    store.put_user_turn(talk, 2, "And in Rome?")
    assert store.conversation(talk).title == "What is the weather like in…"


def test_an_own_title_stays_until_it_is_taken_back(store: HistoryStore) -> None:
    talk = store.create_conversation()
    store.put_user_turn(talk, 1, "Hello.")
    store.rename(talk, " Greetings ")
    store.put_user_turn(talk, 1, "Hello again.")
    assert store.conversation(talk).title == "Greetings"
    store.rename(talk, "")
    assert store.conversation(talk).title == "Hello again"


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Hello.", "Hello"),
        ("one two three four five six", "one two three four five six"),
        ("今天天气怎么样？", "今天天气怎么样"),
        ("a" * 60, "a" * 40 + "…"),
    ],
)
def test_titles_are_short(said: str, title: str) -> None:
    assert title_from(said) == title


def test_search_finds_all_words_in_one_turn_or_in_the_title(store: HistoryStore) -> None:
    cats = store.create_conversation()
    store.put_user_turn(cats, 1, "It is raining cats and dogs.")
    names = store.create_conversation("Raining names")
    store.put_user_turn(names, 1, "Names for dogs")
    assert found(store, "RAIN") == [names, cats]
    assert found(store, "raining cats") == [cats]
    assert found(store, "cats names") == []
    assert found(store, "") == [names, cats]
    assert found(store, "dogs") == [names, cats]
    assert found(store, " ") == [names, cats]


def test_search_finds_parts_of_a_sentence_without_spaces(store: HistoryStore) -> None:
    talk = store.create_conversation("x")
    store.put_user_turn(talk, 1, "今天天气怎么样")
    assert found(store, "天气") == [talk]
    assert found(store, "明天") == []


def test_accents_do_not_hide_a_word(store: HistoryStore) -> None:
    talk = store.create_conversation("x")
    store.put_user_turn(talk, 1, "A café in Zürich")
    assert found(store, "cafe zurich") == [talk]


def test_the_snippet_shows_the_place_that_was_found(store: HistoryStore) -> None:
    talk = store.create_conversation("x")
    store.put_user_turn(talk, 1, "word " * 40 + "needle " + "word " * 40)
    store.put_user_turn(talk, 2, "something else")
    assert "needle" in store.list_conversations(query="needle")[0].snippet
    assert store.list_conversations()[0].snippet == "something else"


def test_a_snippet_is_one_short_line() -> None:
    snippet = snippet_of("a\nb " * 200, ())
    assert "\n" not in snippet
    assert len(snippet) < 100
    assert snippet.endswith("…")


@pytest.mark.parametrize(
    "sign", ["'", '"', "%", "_", "(", "*", "^", ":", "NEAR(", "AND", "\0", "\\"]
)
def test_signs_are_words_like_any_other(store: HistoryStore, sign: str) -> None:
    talk = store.create_conversation("x")
    store.put_user_turn(talk, 1, f"left {sign} right")
    assert found(store, f"left {sign} right") == [talk]
    assert found(store, f"{sign} nowhere") == []


ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text("\"*()^:-+{}% _\0'\\aAN")


@given(query=ANY_TEXT, said=ANY_TEXT)
def test_any_text_can_be_kept_and_searched(query: str, said: str) -> None:
    store = HistoryStore(None)
    talk = store.create_conversation(query)
    store.put_user_turn(talk, 1, said)
    store.put_user_turn(talk, 2, query)
    assert len(store.list_conversations(query=query)) <= 1
    store.rename(talk, said)
    store.delete(talk)
    assert store.list_conversations() == ()
    store.close()


@given(said=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_a_turn_is_found_by_its_own_words(said: str) -> None:
    store = HistoryStore(None)
    talk = store.create_conversation("-")
    store.put_user_turn(talk, 1, said)
    word = next(iter(said.split()), "")
    if word and word.isascii():
        assert found(store, word) == [talk]
    store.close()


def test_without_the_index_search_finds_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("app.history.search.has_full_text_search", lambda _: False)
        plain = HistoryStore(path)
        talk = plain.create_conversation("x")
        plain.put_user_turn(talk, 1, "It is RAINING cats")
        assert found(plain, "rain cats") == [talk]
        assert found(plain, "dogs") == []
        plain.delete(plain.create_conversation())
        plain.close()
    indexed = HistoryStore(path)
    assert found(indexed, "rain cats") == [talk]
    indexed.close()


def test_turns_written_without_the_index_are_indexed_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed = HistoryStore(path)
    talk = indexed.create_conversation("x")
    indexed.put_user_turn(talk, 1, "before")
    indexed.close()
    with monkeypatch.context() as patch:
        patch.setattr("app.history.search.has_full_text_search", lambda _: False)
        plain = HistoryStore(path)
        plain.put_user_turn(talk, 1, "changed")
        plain.put_user_turn(talk, 2, "added")
        plain.close()
    indexed = HistoryStore(path)
    assert [found(indexed, word) for word in ("before", "changed", "added")] == [[], [talk], [talk]]
    indexed.close()


def test_deleted_words_are_gone_from_the_files(store: HistoryStore, path: Path) -> None:
    kept = store.create_conversation()
    store.put_user_turn(kept, 1, "harmless")
    talk = store.create_conversation("unspeakable heading")
    store.put_user_turn(talk, 1, "unspeakable secret " * 50)
    store.put_assistant_turn(talk, 1, "unspeakable answer", was_cut=False)
    store.delete(talk)
    assert [info.id for info in store.list_conversations()] == [kept]
    assert store.turns(talk) == ()
    assert found(store, "unspeakable") == []
    for file in path.parent.iterdir():
        assert b"unspeakable" not in file.read_bytes()


def test_deleting_everything_leaves_no_words_in_the_files(store: HistoryStore, path: Path) -> None:
    for number in range(20):
        talk = store.create_conversation()
        store.put_user_turn(talk, 1, f"unspeakable {number} " * 100)
    size = path.stat().st_size + path.with_name(path.name + "-wal").stat().st_size
    store.delete_all()
    assert store.list_conversations() == ()
    assert path.stat().st_size < size
    for file in path.parent.iterdir():
        assert b"unspeakable" not in file.read_bytes()
    assert store.create_conversation() > talk, "a number is never used again"


def test_changes_are_counted_and_reading_is_none(store: HistoryStore) -> None:
    talk = store.create_conversation()
    store.put_user_turn(talk, 1, "a")
    store.put_assistant_turn(talk, 1, "b", was_cut=False)
    store.rename(talk, "c")
    before = store.n_changes
    assert before == 4
    store.turns(talk)
    store.list_conversations(query="a")
    assert store.n_changes == before


def test_a_deleted_conversation_takes_no_more_turns(store: HistoryStore) -> None:
    talk = store.create_conversation()
    store.delete(talk)
    before = store.n_changes
    with pytest.raises(UnknownConversationError):
        store.put_user_turn(talk, 1, "hello?")
    with pytest.raises(UnknownConversationError):
        store.conversation(talk)
    assert store.n_changes == before
    store.create_conversation()


def test_a_closed_store_says_so(path: Path) -> None:
    store = HistoryStore(path)
    store.close()
    with pytest.raises(HistoryError, match="closed"):
        store.list_conversations()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_nobody_else_may_read_the_file(store: HistoryStore, path: Path) -> None:
    store.create_conversation("private")
    assert {item.stat().st_mode & 0o077 for item in path.parent.iterdir()} == {0}


def test_a_store_in_memory_writes_nothing(tmp_path: Path) -> None:
    opened = open_history(tmp_path / "history.sqlite3", keep=False)
    talk = opened.store.create_conversation()
    opened.store.put_user_turn(talk, 1, "hello")
    assert opened.store.turns(talk)
    opened.store.delete_all()
    opened.store.close()
    assert not opened.store._path
    assert list(tmp_path.iterdir()) == []


def test_one_thread_writes_while_another_reads(store: HistoryStore) -> None:
    n_turns = 200
    talk = store.create_conversation()
    failures: list[HistoryError] = []
    counts: list[int] = []
    is_done = threading.Event()

    def write() -> None:
        try:
            for number in range(n_turns):
                store.put_user_turn(talk, number, f"word {number}")
                store.put_assistant_turn(talk, number, "yes", was_cut=False)
        except HistoryError as error:
            failures.append(error)
        finally:
            is_done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not is_done.is_set():
        counts.append(len(store.turns(talk)))
        store.list_conversations(query="word")
    writer.join()
    assert failures == []
    assert counts == sorted(counts)
    assert len(store.turns(talk)) == 2 * n_turns


def test_a_turn_is_written_while_a_long_search_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_searching, may_go_on = threading.Event(), threading.Event()

    def slowly_folded(text: object) -> str:
        is_searching.set()
        may_go_on.wait(20.0)
        return str(text).casefold()

    monkeypatch.setattr("app.history.database._folded", slowly_folded)
    store = HistoryStore(path)
    talk = store.create_conversation()
    store.put_user_turn(talk, 1, "天气")
    hits: list[int] = []
    reader = threading.Thread(target=lambda: hits.extend(found(store, "天气")))
    reader.start()
    assert is_searching.wait(20.0)
    store.put_user_turn(talk, 2, "written meanwhile")
    assert hits == []
    may_go_on.set()
    reader.join()
    assert hits == [talk]
    assert len(store.turns(talk)) == 2
    store.close()


def test_two_programs_share_the_file(path: Path, store: HistoryStore) -> None:
    other = HistoryStore(path)
    talk = other.create_conversation()
    for number in range(20):
        (store if number % 2 else other).put_user_turn(talk, number, f"from {number % 2}")
    assert len(store.turns(talk)) == len(other.turns(talk)) == 20
    other.close()


WRITER = """
import sys
from pathlib import Path
from app.history.store import HistoryStore
store = HistoryStore(Path(sys.argv[1]))
talk = store.create_conversation("killed")
number = 0
while True:
    number += 1
    store.put_user_turn(talk, number, f"turn {number}")
    print(number, flush=True)
"""


def test_a_killed_program_loses_at_most_the_turn_in_flight(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as writer:
        assert writer.stdout is not None
        acknowledged = 0
        for line in writer.stdout:
            acknowledged = int(line)
            if acknowledged == 25:
                writer.kill()
                break
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
    store = HistoryStore(path)
    (info,) = store.list_conversations()
    assert acknowledged <= info.n_turns <= acknowledged + 1
    assert found(store, "turn 25") == [info.id]
    store.close()


def older_file(path: Path) -> None:
    """A file as version 1 leaves it, without the search index beside it."""
    path.parent.mkdir(parents=True)
    db = sqlite3.connect(path, isolation_level=None)
    migrate(db, MIGRATIONS[:1])
    db.execute("INSERT INTO conversations VALUES (7, 'Tea', 1, 1767351600.0, 1767351600.5)")
    db.execute("INSERT INTO turns VALUES (1, 7, 1, 'user', 'Green or black?', 0, 1767351600.5)")
    db.close()


def add_note(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE conversations ADD COLUMN note TEXT NOT NULL DEFAULT 'none'")


def test_a_version_1_file_is_migrated_with_all_it_holds(path: Path) -> None:
    older_file(path)
    store = HistoryStore(path, migrations=(*MIGRATIONS[:1], add_note))
    assert store.conversation(7).created_at == datetime(2026, 1, 2, 11, tzinfo=UTC)
    assert found(store, "green") == [7]
    store.close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT note FROM conversations").fetchall() == [("none",)]
    assert db.execute("PRAGMA user_version").fetchone() == (2,)
    db.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    def fail(db: sqlite3.Connection) -> None:
        add_note(db)
        db.execute("SELECT * FROM no_such_table")

    older_file(path)
    with pytest.raises(HistoryError, match="no_such_table"):
        HistoryStore(path, migrations=(*MIGRATIONS[:1], fail))
    store = HistoryStore(path, migrations=(*MIGRATIONS[:1], add_note))
    assert found(store, "green") == [7]
    store.close()


def test_a_file_of_a_newer_version_is_left_alone_and_the_talk_goes_on(path: Path) -> None:
    older_file(path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    with pytest.raises(NewerHistoryError, match="newer Parley"):
        HistoryStore(path)
    opened = open_history(path)
    opened.store.create_conversation("kept in memory")
    assert not opened.store._path
    assert "version 99" in opened.notices[0].text
    opened.store.close()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(bytes(content))


def no_database(path: Path) -> None:
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 30)


def foreign(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE recipes (name TEXT)")
    db.commit()
    db.close()


@pytest.mark.parametrize("spoil", [damage, no_database, foreign])
def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(path: Path, spoil: object) -> None:
    older_file(path)
    assert callable(spoil)
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(DamagedHistoryError):
        HistoryStore(path)
    opened = open_history(path, now=lambda: NOON)
    aside = path.with_name("history.sqlite3.broken-20260102-120000")
    assert aside.read_bytes() == before
    assert aside.name in opened.notices[0].text
    assert opened.store._path
    assert opened.store.list_conversations() == ()
    opened.store.put_user_turn(opened.store.create_conversation(), 1, "a new beginning")
    opened.store.close()


def test_a_place_that_cannot_be_used_costs_only_the_keeping(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite3"
    path.mkdir()
    opened = open_history(path)
    assert not opened.store._path
    assert str(path) in opened.notices[0].text
    opened.store.close()
    assert path.is_dir()


def test_a_locked_file_is_not_taken_for_a_damaged_one(
    path: Path, store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.history.database._BUSY_TIMEOUT_S", 0.0)
    talk = store.create_conversation("x")
    other = HistoryStore(path)
    holder = connect(path)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(HistoryError, match="locked") as caught:
        other.put_user_turn(talk, 1, "hello")
    assert not isinstance(caught.value, DamagedHistoryError)
    holder.execute("ROLLBACK")
    other.put_user_turn(talk, 1, "hello")
    holder.close()
    other.close()


def test_this_build_searches_with_the_index() -> None:
    db = sqlite3.connect(":memory:")
    if not has_full_text_search(db):
        pytest.skip("this SQLite was built without FTS5")
    db.close()
    store = HistoryStore(None)
    talk = store.create_conversation("x")
    store.put_user_turn(talk, 1, "unraining")
    assert found(store, "raining") == [], "the index finds words by their beginning"
    store.close()
