"""Numbers, addresses and letters that come in pieces."""

from __future__ import annotations

import pytest

from model.duplex.lexicon import read_lexicons
from model.duplex.word_evidence import Dictation, dictated

LEXICONS = read_lexicons()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my phone number is", Dictation.NUMBERS),
        ("My number is five five five", Dictation.NUMBERS),
        ("call me at 07 94", Dictation.NUMBERS),
        ("four two seven", Dictation.NUMBERS),
        ("My address is forty two Baker Street", Dictation.ADDRESS),
        ("I live at 12 Elm", Dictation.ADDRESS),
        ("my email is", Dictation.ADDRESS),
        ("it's spelled B R O", Dictation.SPELLING),
        ("K A T", Dictation.SPELLING),
        ("\u6211\u7684\u7535\u8bdd\u662f\u4e00\u4e09\u516b", Dictation.NUMBERS),
        ("\u6211\u7684\u5730\u5740\u662f", Dictation.ADDRESS),
    ],
)
def test_pieces_are_recognised(text: str, expected: Dictation) -> None:
    assert dictated(LEXICONS, text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "set a timer for twenty five minutes",
        "what is the address",
        "is this your phone number",
        "I am twenty five",
        "please change my address",
        "give me a",
        "my number is 555 0123 4567",
        "it costs five dollars",
        "\u4eca\u5929\u5929\u6c14\u600e\u4e48\u6837",
    ],
)
def test_ordinary_speech_and_whole_numbers_are_not(text: str) -> None:
    assert dictated(LEXICONS, text) is None


def test_an_address_is_whole_some_time() -> None:
    long = "my address is 42 " + " ".join(["word"] * 20)
    assert dictated(LEXICONS, long) is None


def test_reasons_hold_no_words_of_the_user() -> None:
    assert all("is" in kind.value or "are" in kind.value for kind in Dictation)
