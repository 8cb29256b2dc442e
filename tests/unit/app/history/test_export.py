"""A conversation as a file for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.history.export import export_conversation
from app.history.store import HistoryStore
from app.messages.errors import BadInputError, UnknownConversationError


@pytest.fixture
def store() -> Iterator[HistoryStore]:
    opened = HistoryStore(None, lambda: datetime(2026, 1, 2, 12, tzinfo=UTC))
    talk = opened.create_conversation()
    opened.put_user_turn(talk, 1, "How *tall*\nis it?")
    opened.put_assistant_turn(talk, 1, "The tower is", was_cut=True)
    opened.put_user_turn(talk, 2, "谢谢")
    yield opened
    opened.close()


def test_markdown_has_a_paragraph_a_turn_and_marks_the_cut(
    store: HistoryStore, tmp_path: Path
) -> None:
    path = tmp_path / "talk.md"
    export_conversation(store, 1, path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == r"# How \*tall\* is it"
    assert r"**You:** How \*tall\* is it?" in lines
    assert "**Parley:** The tower is …" in lines
    assert "**You:** 谢谢" in lines


def test_json_holds_every_turn(store: HistoryStore, tmp_path: Path) -> None:
    path = tmp_path / "talk.JSON"
    export_conversation(store, 1, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["format"] == "parley-conversation"
    assert content["created_at"] == "2026-01-02T12:00:00+00:00"
    assert [(t["role"], t["text"], t["was_cut"]) for t in content["turns"]] == [
        ("user", "How *tall*\nis it?", False),
        ("assistant", "The tower is", True),
        ("user", "谢谢", False),
    ]


def test_an_unknown_ending_is_refused_before_anything_is_written(
    store: HistoryStore, tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match=r'unknown ending "\.doc"; use \.md or \.json'):
        export_conversation(store, 1, tmp_path / "talk.doc")
    assert list(tmp_path.iterdir()) == []


def test_a_deleted_conversation_cannot_be_exported(store: HistoryStore, tmp_path: Path) -> None:
    with pytest.raises(UnknownConversationError):
        export_conversation(store, 9, tmp_path / "talk.md")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(store: HistoryStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match=r"talk\.md: cannot be written"):
        export_conversation(store, 1, tmp_path / "file" / "talk.md")
