"""The files themselves need a network; here the parsers read small ones of the same form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.training.duplex.text_head import sources as text_sources
from model.training.duplex.text_head.corpus import SHARES, corpus
from model.training.duplex.text_head.sources import Utterance, published_utterances

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
    for file in text_sources.FILES:
        if file.name.startswith("talk-"):
            (tmp_path / file.name).write_text(TALK, "utf-8")
        elif file.name.endswith(".txt"):
            (tmp_path / file.name).write_text(PROSE, "utf-8")
    return tmp_path


def of_source(folder: Path, source: str) -> list[Utterance]:
    return [found for found in published_utterances(folder, 7) if found.source == source]


def test_requests_are_joined_and_filled_and_each_comes_once(folder: Path) -> None:
    texts = [utterance.text for utterance in of_source(folder, "requests")]
    assert len(texts) == 2
    assert "I don't care , thanks !" in texts
    assert not any("#" in text or "I ' m" in text for text in texts)


def test_talk_is_read_line_by_line_with_continuations(folder: Path) -> None:
    texts = {utterance.text for utterance in of_source(folder, "talk")}
    assert {"Good morning, how are you?", "I am doing well, how about you?", "1963"} <= texts


def test_prose_is_cut_into_sentences_without_its_small_print(folder: Path) -> None:
    prose = of_source(folder, "prose")
    text = " ".join(utterance.text for utterance in prose)
    assert "small print" not in text
    assert "Title" not in text
    assert not any(utterance.text.endswith("Mr.") for utterance in prose)
    assert len({utterance.family for utterance in prose}) > 3


def test_a_corpus_mixes_its_sources_the_same_way_every_time(folder: Path) -> None:
    first = corpus(folder, 60, 3)
    assert first == corpus(folder, 60, 3)
    assert {utterance.source for utterance in first} == set(SHARES)


def test_every_file_names_its_licence_and_its_hash() -> None:
    for file in text_sources.FILES:
        assert len(file.sha256) == 64
        assert file.licence
    assert len({file.name for file in text_sources.FILES}) == len(text_sources.FILES)
