"""Word lists: what is read, how words are matched, what a broken file says."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.duplex.lexicon import (
    LexiconError,
    extended,
    has_stop_word,
    is_backchannel,
    read_lexicon,
    read_lexicons,
    tokens,
)

LEXICONS = read_lexicons()
EN, ZH = LEXICONS["en"], LEXICONS["zh"]


def test_english_and_mandarin_are_installed_with_every_list_that_decides() -> None:
    assert set(LEXICONS) >= {"en", "zh"}
    for lexicon in (EN, ZH):
        assert len(lexicon.backchannels) > 20
        assert len(lexicon.stop_words) > 8
        assert all((lexicon.prepositions, lexicon.conjunctions, lexicon.fillers))


@pytest.mark.parametrize("text", ["Mm-hm.", "Yeah, yeah, yeah.", "OK", "oh really?", "Uh-huh,"])
def test_acknowledgements_are_backchannels(text: str) -> None:
    assert is_backchannel(EN, text)


@pytest.mark.parametrize("text", ["", "...", "yeah but no", "ok tell me more", "give me"])
def test_anything_more_is_no_backchannel(text: str) -> None:
    assert not is_backchannel(EN, text)


def test_mandarin_is_matched_by_characters() -> None:
    assert is_backchannel(ZH, "嗯，对对对。")
    assert not is_backchannel(ZH, "对，但是我想问")
    assert has_stop_word(ZH, "好了别说了")
    assert not has_stop_word(ZH, "不要停")


def test_a_stop_word_counts_anywhere_unless_negated() -> None:
    assert has_stop_word(EN, "Okay, hold on a second")
    assert has_stop_word(EN, "Stop!")
    assert not has_stop_word(EN, "Please don't stop")
    assert not has_stop_word(EN, "nonstop waiting")


def test_a_user_adds_words_of_their_own() -> None:
    own = extended(EN, backchannels=["Righty-ho"], stop_words=["Basta"])
    assert is_backchannel(own, "righty ho")
    assert has_stop_word(own, "BASTA!")
    assert not has_stop_word(EN, "basta")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("language = 3", "language"),
        ('language = "xx"\nstop_words = "stop"', "stop_words"),
        ('language = "xx"\nstop_wrods = ["stop"]', "stop_wrods"),
        ('language = "xx', "cannot be read"),
    ],
)
def test_a_broken_list_gives_one_line_with_file_and_key(
    tmp_path: Path, content: str, word: str
) -> None:
    path = tmp_path / "xx.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LexiconError) as caught:
        read_lexicon(path)
    assert str(path) in str(caught.value)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_lists_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match="no word list"):
        read_lexicons(tmp_path)


@given(st.text())
def test_any_text_can_be_matched(text: str) -> None:
    assert all(word == word.lower() and " " not in word for word in tokens(text.lower()))
    is_backchannel(EN, text)
    has_stop_word(ZH, text)
