from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from model.duplex.text_turn_detector import (
    CONTEXT_TOKENS,
    LONGEST_WINDOW,
    LONGEST_WORD,
    PROMPT,
    STATE_SIZE,
    WEIGHTS_NAME,
    LanguageModelEncoder,
    TextHead,
    spoken_words,
    window_start,
)
from model.errors import WeightsError

WEIGHT = "smollm2-135m"


@pytest.fixture(scope="module")
def reader(weights: Callable[[str], Path]) -> Iterator[LanguageModelEncoder]:
    reading = LanguageModelEncoder(weights(WEIGHT))
    yield reading
    reading.close()


def test_words_lose_case_and_marks() -> None:
    assert spoken_words("Turn it off, please\u2026 It\u2019s 7:30!") == (
        "turn", "it", "off", "please", "it's", "7", "30",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "...", "\u4f60\u597d", "OK \u597d\u7684"])
def test_what_it_cannot_read_has_no_words(text: str) -> None:
    assert spoken_words(text) == ()


@pytest.mark.parametrize("n_words", range(1, 60))
def test_the_window_is_bounded_and_ends_with_the_last_word(n_words: int) -> None:
    start = window_start(n_words)
    assert 0 <= start < n_words
    assert n_words - start <= LONGEST_WINDOW
    assert start == 0 or n_words - start > LONGEST_WINDOW // 2


def test_the_model_file_is_the_one_of_the_manifest(weights: Callable[[str], Path]) -> None:
    assert weights(WEIGHT).name == WEIGHTS_NAME


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.gguf.*parley models get"):
        LanguageModelEncoder(tmp_path / "none.gguf")


def test_marks_and_case_do_not_change_the_state(reader: LanguageModelEncoder) -> None:
    plain, marked = reader.state("what time is it"), reader.state("What time is it?")
    assert plain is not None
    assert marked is not None
    assert plain.shape == (STATE_SIZE,)
    np.testing.assert_array_equal(plain, marked)


def test_a_text_is_read_once(reader: LanguageModelEncoder) -> None:
    first = reader.state("set an alarm for six")
    took_s = reader.last_inference_s
    assert took_s > 0.0
    assert reader.state("Set an alarm for six.") is first
    assert reader.last_inference_s == took_s


def test_a_later_text_leaves_earlier_states_alone(reader: LanguageModelEncoder) -> None:
    first = reader.state("good morning")
    assert first is not None
    kept = first.copy()
    other = reader.state("good morning everybody")
    np.testing.assert_array_equal(first, kept)
    assert other is not None
    assert np.abs(other - first).max() > 0.1


def test_only_the_last_words_are_read(reader: LanguageModelEncoder) -> None:
    tail = "so could you please tell me when the next train leaves for london"
    tail_words = tail.split()[-(LONGEST_WINDOW // 2 + 1) :]
    n_front = -len(tail_words) % 6 + 6
    of_long = reader.state(" ".join(["again"] * n_front + tail_words))
    n_words = n_front + len(tail_words)
    whole = (["again"] * n_front + tail_words)[window_start(n_words) :]
    of_window = reader.state(" ".join(whole))
    assert of_long is not None
    assert of_window is not None
    np.testing.assert_array_equal(of_long, of_window)


def test_the_hardest_words_fit_the_context(reader: LanguageModelEncoder) -> None:
    words = spoken_words(" ".join(["x7q" * LONGEST_WORD] * LONGEST_WINDOW))
    assert len(reader.tokens(PROMPT + " ".join(words))) <= CONTEXT_TOKENS


def test_no_words_cost_nothing(reader: LanguageModelEncoder) -> None:
    assert reader.state("\u4f60\u597d") is None
    assert reader.state("") is None


@pytest.mark.parametrize(
    ("unfinished", "finished"),
    [
        ("could you turn off the", "could you turn off the lights"),
        ("what is the capital of", "what is the capital of france"),
        ("remind me to call my", "remind me to call my mother"),
        ("i would like a table for", "i would like a table for two please"),
        ("she told him that she had", "she told him that she had nothing to say"),
    ],
)
def test_the_shipped_head_tells_unfinished_from_finished(
    reader: LanguageModelEncoder, unfinished: str, finished: str
) -> None:
    head = TextHead()
    of_unfinished, of_finished = reader.state(unfinished), reader.state(finished)
    assert of_unfinished is not None
    assert of_finished is not None
    assert head.logit(of_unfinished) < -1.0
    assert head.logit(of_finished) > head.logit(of_unfinished) + 2.0
