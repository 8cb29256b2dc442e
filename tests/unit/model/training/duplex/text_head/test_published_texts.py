"""The files themselves need a network; here the parsers read small ones of the same form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.training.duplex.text_head.corpus import SHARES, corpus
from model.training.duplex.text_head.published_texts import (
    FILES,
    WrittenTurn,
    published_turns,
)

TALK = """categories:
- talk
conversations:
- - Good morning, how are you?
  - I am doing well, how
    about you?
- - '1963'
"""
PROSE = (
    "Title of it *** START OF IT *** "
    + "The cat sat down. Mr. Hale said, that it was late; he went home. Was it? I think so! " * 40
    + "*** END OF IT *** Small print. More of the small print."
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    turns = {"Hotel-Inform": {"none;": [
        "I ' m looking for a #HOTEL-INFORM-PRICE# hotel .", "I do n't care , thanks !",
        "I do n't care , thanks !",
    ]}}  # fmt: skip
    (tmp_path / "requests.json").write_text(json.dumps(turns), "utf-8")
    for file in FILES:
        if file.name.startswith("talk-"):
            (tmp_path / file.name).write_text(TALK, "utf-8")
        elif file.name.endswith(".txt"):
            (tmp_path / file.name).write_text(PROSE, "utf-8")
    return tmp_path


def of_source(folder: Path, source: str) -> list[WrittenTurn]:
    return [found for found in published_turns(folder, 7) if found.source == source]


def test_requests_are_joined_and_filled_and_each_comes_once(folder: Path) -> None:
    texts = [turn.text for turn in of_source(folder, "requests")]
    assert len(texts) == 2
    assert "I don't care , thanks !" in texts
    assert not any("#" in text or "I ' m" in text for text in texts)


def test_talk_is_read_line_by_line_with_continuations(folder: Path) -> None:
    texts = {turn.text for turn in of_source(folder, "talk")}
    assert {"Good morning, how are you?", "I am doing well, how about you?", "1963"} <= texts


def test_prose_is_cut_into_sentences_without_its_small_print(folder: Path) -> None:
    prose = of_source(folder, "prose")
    text = " ".join(turn.text for turn in prose)
    assert "small print" not in text
    assert "Title" not in text
    assert not any(turn.text.endswith("Mr.") for turn in prose)
    assert len({turn.family for turn in prose}) > 3


def test_a_corpus_mixes_its_sources_the_same_way_every_time(folder: Path) -> None:
    first = corpus(folder, 60, 3)
    assert first == corpus(folder, 60, 3)
    assert {turn.source for turn in first} == set(SHARES)


def test_every_file_names_its_licence_and_its_hash() -> None:
    for file in FILES:
        assert len(file.sha256) == 64
        assert file.licence
    assert len({file.name for file in FILES}) == len(FILES)
