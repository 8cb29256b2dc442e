"""Utterances that are nothing but known phrases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dialogue.phrases import is_backchannel, is_stop_phrase, sounds_like_stop_word, words

STOP = ("stop", "wait", "hold on", "be quiet", "停", "等一下")
BACKCHANNELS = ("mm-hm", "yeah", "uh huh", "oh yeah", "i see", "嗯", "对")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mm-hm, I’m HERE!", ("mm", "hm", "i'm", "here")),
        ("你好吗？ok", ("你", "好", "吗", "ok")),
        ("ＳＴＯＰ", ("stop",)),
        ("  ...  ", ()),
        ("_a_ 3rd", ("a", "3rd")),
    ],
)
def test_words_are_folded_and_bare(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Stop!",
        "stop stop stop",
        "Okay, stop, please.",
        "Hold on.",
        "Oh, wait. Stop now.",
        "停！",
        "请等一下",
        "你先停",
        "停停停",
    ],
)
def test_an_order_to_stop_is_obeyed(text: str) -> None:
    assert is_stop_phrase(text, STOP)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Please.",
        "Don't stop.",
        "The bus stop",
        "Stop, tell me about Paris",
        "hold",
        "nonstop",
        "不要停",
    ],
)
def test_anything_more_than_an_order_is_talk(text: str) -> None:
    assert not is_stop_phrase(text, STOP)


@pytest.mark.parametrize(
    "text", ["Mm-hm.", "yeah yeah", "Oh yeah, I see.", "嗯嗯", "对对对", "Uh-huh"]
)
def test_acknowledgements_are_recognised(text: str) -> None:
    assert is_backchannel(text, BACKCHANNELS)


@pytest.mark.parametrize("text", ["", "Oh.", "Yeah but", "I see a tower", "yeah, stop", "嗯但是"])
def test_anything_more_than_an_acknowledgement_is_talk(text: str) -> None:
    assert not is_backchannel(text, BACKCHANNELS)


def test_without_phrases_nothing_matches() -> None:
    assert not is_stop_phrase("stop", ())
    assert not is_backchannel("yeah", ("", "..."))


def test_overlapping_phrases_are_tried_in_every_way() -> None:
    assert is_backchannel("oh i see", ("oh i", "oh", "i see"))


@given(st.lists(st.sampled_from(BACKCHANNELS), min_size=1, max_size=6))
def test_any_row_of_acknowledgements_is_one(row: list[str]) -> None:
    assert is_backchannel(", ".join(row).upper(), BACKCHANNELS)
    assert not is_backchannel(" ".join([*row, "tower"]), BACKCHANNELS)


def test_one_letter_off_a_stop_word_sounds_like_it() -> None:
    orders = ("stop", "wait", "hold on", "hush")
    for text in ("Top.", "stoop", "shop", "wai"):
        assert sounds_like_stop_word(text, orders), text
    for text in ("", "Knowing,", "what", "stop now", "old", "to"):
        assert not sounds_like_stop_word(text, orders), text
