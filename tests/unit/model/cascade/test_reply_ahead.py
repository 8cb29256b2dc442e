from __future__ import annotations

from model.cascade.language_model import Completion
from model.cascade.reply import ReplyAhead, spoken_words

BEFORE = "<system><user>"


class Writer:
    """Begins generations and remembers them."""

    def __init__(self) -> None:
        self.begun: list[Completion] = []

    def __call__(self, prompt: str) -> Completion:
        self.begun.append(Completion(prompt, 10))
        return self.begun[-1]


def test_a_guess_that_comes_true_is_the_reply() -> None:
    writer = Writer()
    ahead = ReplyAhead(writer)
    ahead.begin(BEFORE, "What time is it.", "prompt")
    assert ahead.take(BEFORE, "What time is it?") is writer.begun[0]
    assert not writer.begun[0].is_cancelled


def test_a_reply_is_taken_once() -> None:
    ahead = ReplyAhead(Writer())
    ahead.begin(BEFORE, "hello", "prompt")
    assert ahead.take(BEFORE, "hello") is not None
    assert ahead.take(BEFORE, "hello") is None


def test_other_words_end_what_was_begun() -> None:
    writer = Writer()
    ahead = ReplyAhead(writer)
    ahead.begin(BEFORE, "a cup of tea", "prompt")
    assert ahead.take(BEFORE, "a cup of coffee") is None
    assert writer.begun[0].is_cancelled


def test_another_history_ends_what_was_begun() -> None:
    writer = Writer()
    ahead = ReplyAhead(writer)
    ahead.begin(BEFORE, "and then", "prompt")
    assert ahead.take(BEFORE + "more", "and then") is None
    assert writer.begun[0].is_cancelled


def test_only_the_latest_guess_is_written_on() -> None:
    writer = Writer()
    ahead = ReplyAhead(writer)
    ahead.begin(BEFORE, "play some", "one")
    ahead.begin(BEFORE, "play some music", "two")
    assert [completion.is_cancelled for completion in writer.begun] == [True, False]
    ahead.drop()
    assert writer.begun[1].is_cancelled
    assert ahead.take(BEFORE, "play some music") is None


def test_spelling_that_nobody_hears_makes_no_difference() -> None:
    assert spoken_words("A 16-ounce, Double-Shot…") == spoken_words("a 16 ounce double shot")
    assert spoken_words("It\u2019s on") == spoken_words("it's on.")
    assert spoken_words("it's on") != spoken_words("its on")
