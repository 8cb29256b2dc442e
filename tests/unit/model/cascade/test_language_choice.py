"""English or Mandarin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_io.frames import Samples
from model.cascade.language_choice import BilingualTranscriber, written_language
from model.cascade.moonshine import Transcription
from model.cascade.recognizer import open_recognizer
from model.errors import WeightsError

SOUND = np.zeros(16_000, np.float32)


class Ear:
    """Hears what it is told to, as sure as it is told to; counts how often it was asked."""

    def __init__(self, text: str, logprob: float, language: str) -> None:
        self.heard = Transcription(text, logprob, 3, language)
        self.n_asked = 0

    def transcribe(self, samples: Samples) -> Transcription:
        self.n_asked += 1
        return self.heard


def ears(
    english: float, mandarin: float, english_text: str = "hello"
) -> tuple[BilingualTranscriber, Ear, Ear]:
    first, second = Ear(english_text, english, "en"), Ear("你好", mandarin, "zh")
    return BilingualTranscriber(first, second), first, second


def test_sure_english_costs_nothing_more() -> None:
    both, _, mandarin = ears(-0.1, -0.05)
    assert both.transcribe(SOUND).language == "en"
    assert mandarin.n_asked == 0


def test_where_english_doubts_the_surer_one_is_believed() -> None:
    assert ears(-0.9, -0.2)[0].transcribe(SOUND).text == "你好"
    assert ears(-0.6, -1.0)[0].transcribe(SOUND).text == "hello"
    assert ears(-0.5, -0.4)[0].transcribe(SOUND).language == "en"


def test_mandarin_is_believed_where_no_english_was_heard() -> None:
    assert ears(0.0, -0.2, english_text="")[0].transcribe(SOUND).language == "zh"
    assert ears(0.0, -1.3, english_text="")[0].transcribe(SOUND).text == ""


def test_after_mandarin_more_of_it_is_expected() -> None:
    both, english, mandarin = ears(-0.9, -0.2)
    both.transcribe(SOUND)
    english.heard = Transcription("Ting.", -0.35, 2, "en")
    mandarin.heard = Transcription("停", -0.3, 1, "zh")
    assert both.transcribe(SOUND).text == "停"
    assert ears(-0.35, -0.3)[0].transcribe(SOUND).language == "en"


def test_sure_english_ends_the_expectation() -> None:
    both, english, _ = ears(-0.9, -0.2)
    both.transcribe(SOUND)
    english.heard = Transcription("stop", -0.1, 1, "en")
    assert both.transcribe(SOUND).text == "stop"
    english.heard = Transcription("a coffee", -0.35, 2, "en")
    assert both.transcribe(SOUND).text == "a coffee"


def test_a_first_guess_leans_to_what_its_leader_heard() -> None:
    leader, _, _ = ears(-0.9, -0.2)
    guess = BilingualTranscriber(Ear("Sure.", -0.35, "en"), Ear("说", -0.3, "zh"), leader)
    assert guess.transcribe(SOUND).language == "en"
    leader.transcribe(SOUND)
    assert guess.transcribe(SOUND).language == "zh"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is this?", "en"),
        ("今天天气怎么样", "zh"),
        ("给我讲讲 Python 吧", "zh"),
        ("What does 你好 mean in English?", "en"),
        ("123 ...", None),
    ],
)
def test_the_language_of_typed_words(text: str, language: str | None) -> None:
    assert written_language(text) == language


def test_mandarin_that_was_asked_for_and_is_missing_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="parley models get mandarin"):
        open_recognizer(tmp_path, "zh")
