"""Errors of texts and answers in replies."""

from __future__ import annotations

import pytest

from app.evaluation.speech_scores import Errors, TextNormalizer, errors, holds_answer, total


@pytest.fixture(scope="module")
def normalized() -> TextNormalizer:
    return TextNormalizer()


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("It's twenty-five colours!", "it is 25 colors", "en"),
        ("Dr. Smith", "doctor smith", "en"),
        ("我有二十五个苹果。", "我有25个苹果", "zh"),
        ("你好，世界", "你好世界", "zh"),
    ],
)
def test_what_sounds_the_same_is_written_the_same(
    normalized: TextNormalizer, one: str, other: str, language: str
):
    assert normalized(one, language) == normalized(other, language)


def test_mandarin_is_counted_in_characters_and_keeps_its_decimal_point(normalized: TextNormalizer):
    assert normalized("三点五元。", "zh") == "3 . 5 元"


def test_what_only_looks_like_a_number_stays(normalized: TextNormalizer):
    assert normalized("百里挑一", "zh") == "百 里 挑 1"


def test_edits_are_told_apart():
    found = errors("a b c d", "a x c d e")
    assert found == Errors(n_reference=4, substitutions=1, deletions=0, insertions=1)
    assert found.rate_percent == 50.0
    assert errors("a b", "").deletions == 2


def test_words_that_nobody_said_count_without_a_rate():
    assert errors("", "hello there") == Errors(insertions=2)
    assert errors("", "hello").rate_percent is None


def test_long_texts_weigh_more():
    parts = [errors("a", "b"), errors("a b c d e f g h i", "a b c d e f g h i")]
    assert total(parts).rate_percent == 10.0


def test_an_answer_is_found_as_whole_words(normalized: TextNormalizer):
    reply = normalized("I think it is Paris, of course.", "en")
    assert holds_answer(reply, ["paris"])
    assert not holds_answer(reply, ["par", ""])
    assert holds_answer(normalized("There are seven days.", "en"), [normalized("7", "en")])
