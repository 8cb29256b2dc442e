from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model.cascade.language_model import Completion, Piece
from model.cascade.reply import SpokenReply, allowed_length
from model.cascade.synthesizer import Synthesizer
from model.errors import ModelError
from model.events import SpeechChunk, TextDelta
from model.types import CancelReason, CancelToken, VoiceChoice


@pytest.fixture
def reply(tmp_path: Path) -> Iterator[SpokenReply]:
    with ThreadPoolExecutor(2) as pool:
        yield SpokenReply(1, Synthesizer(tmp_path), pool, VoiceChoice(), "en")


def written(*texts: str) -> Completion:
    completion = Completion("", 100)
    for text in texts:
        completion.put(Piece(text))
    completion.put(Piece(is_last=True))
    return completion


def shown(reply: SpokenReply, completion: Completion) -> str:
    events = list(reply.from_model(completion, CancelToken()))
    return "".join(e.text for e in events if isinstance(e, TextDelta))


def test_speech_begins_before_the_text_is_complete(reply: SpokenReply) -> None:
    completion = Completion("", 100)
    for text in ("The", " sky", " is", " blue", ",", " because", " of"):
        completion.put(Piece(text))
    events = reply.from_model(completion, CancelToken())
    assert any(isinstance(next(events), SpeechChunk) for _ in range(100))
    events.close()
    assert completion.is_cancelled


def test_a_slow_model_never_blocks_a_step_for_long(reply: SpokenReply) -> None:
    events = reply.from_model(Completion("", 100), CancelToken())
    assert next(events) == TextDelta(1, "")
    events.close()


def test_cancel_stops_the_language_model_too(reply: SpokenReply) -> None:
    completion = Completion("", 100)
    cancel = CancelToken()
    events = reply.from_model(completion, cancel)
    next(events)
    cancel.cancel(CancelReason.BARGE_IN)
    assert list(events) == []
    assert completion.is_cancelled


def test_leading_space_is_not_shown(reply: SpokenReply) -> None:
    assert shown(reply, written("\n", " Hi", " there.")) == "Hi there."


def test_after_three_sentences_it_stops(reply: SpokenReply) -> None:
    text = shown(reply, written("One is. ", "Two is. ", "Three is. ", "Four is."))
    assert text.strip() == "One is. Two is. Three is."


def test_a_model_that_loops_is_stopped() -> None:
    text = "well " + "I can help you " * 5
    assert allowed_length(text) < len(text)
    assert text[: allowed_length(text)].count("help") <= 2


def test_decimals_do_not_count_as_sentences() -> None:
    text = "Pi is 3.14, e is 2.72, and one is 1.0 of course. Yes."
    assert allowed_length(text) == len(text)


def test_a_failed_model_raises_its_own_words(reply: SpokenReply) -> None:
    completion = Completion("", 100)
    completion.put(Piece(error="context is full"))
    with pytest.raises(ModelError, match="context is full"):
        list(reply.from_model(completion, CancelToken()))


@pytest.mark.parametrize(
    ("written_by_model", "said"),
    [
        ("Here is a recipe:\nIngredients:\n- 1 cup of flour", "Here is a recipe:"),
        ("They are mammals.\n\n2. They swim.", "They are mammals."),
        ("Whales are mammals. 2. They swim.", "Whales are mammals."),
        ("先打鸡蛋；2. 再放番茄", "先打鸡蛋；"),
    ],
)
def test_a_reply_ends_where_a_list_begins(written_by_model: str, said: str) -> None:
    assert written_by_model[: allowed_length(written_by_model)] == said


@pytest.mark.parametrize(
    "text",
    ["Use nuts, e.g. 3 walnuts.", "Turn left at No. 5 on the right.", "It is 3.5 km long."],
)
def test_a_number_in_a_sentence_is_no_list(text: str) -> None:
    assert allowed_length(text) == len(text)


def test_what_is_shown_and_spoken_of_a_list_is_the_same(reply: SpokenReply) -> None:
    completion = written("Here is", " one:", "\n", "- flour", "\n- milk")
    events = list(reply.from_model(completion, CancelToken()))
    text = "".join(e.text for e in events if isinstance(e, TextDelta))
    marks = [mark for e in events if isinstance(e, SpeechChunk) for mark in e.marks]
    assert text == "Here is one:"
    assert [text[m.text_start : m.text_end] for m in marks] == ["Here", "is", "one:"]
    assert completion.is_cancelled
