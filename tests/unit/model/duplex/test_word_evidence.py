"""Which words count, and for what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audio_io.frames import AudioFrame, UserFrame, frozen
from model.duplex.lexicon import read_lexicons
from model.duplex.voice_tracker import Stretch
from model.duplex.word_evidence import Dictation, WordEvidence, WordReader

LEXICONS = read_lexicons()
USER = UserFrame(AudioFrame(frozen(np.zeros(160, np.float32)), 32_000), 0.0, False, -70.0)


def read(
    text: str, at_s: float, turn: Stretch | None = None, overlap: Stretch | None = None
) -> WordEvidence:
    user = replace(USER, partial_text=text, partial_at_s=at_s)
    return WordReader(LEXICONS).read(user, turn, overlap)


def test_words_without_a_turn_are_nobodys() -> None:
    assert read("what time is it", 1.0).text == ""


def test_words_cover_the_last_voice_up_to_a_short_lag() -> None:
    turn = Stretch(0.2, 1.0)
    assert read("what time is it", 0.85, turn).covers
    late = read("what time", 0.7, turn)
    assert not late.covers
    assert late.is_late


def test_words_from_before_the_turn_do_not_count() -> None:
    assert read("what time is it", 0.2, Stretch(0.2, 1.0)).text == ""


@pytest.mark.parametrize(
    ("text", "acknowledges", "is_sentence", "is_stop"),
    [
        ("mm-hm", True, False, False),
        ("no the other one", False, True, False),
        ("well", False, False, False),
        ("okay stop", False, True, True),
        ("don't stop", False, True, False),
    ],
)
def test_words_over_the_reply(
    text: str, acknowledges: bool, is_sentence: bool, is_stop: bool
) -> None:
    voice = Stretch(0.2, 0.9)
    words = read(text, 0.9, voice, voice)
    assert (words.is_acknowledgement, words.is_sentence, words.is_stop) == (
        acknowledges,
        is_sentence,
        is_stop,
    )


def test_a_stop_word_is_not_believed_in_too_little_sound() -> None:
    voice = Stretch(0.2, 0.4)
    assert not read("stop", 0.4, voice, voice).is_stop
    assert read("stop", 0.46, voice, voice).is_stop


def test_a_stop_word_to_a_silent_assistant_is_an_ordinary_word() -> None:
    assert not read("stop", 0.9, Stretch(0.2, 0.9)).is_stop


def test_dictation_and_language_come_with_the_words() -> None:
    turn = Stretch(0.2, 0.9)
    assert read("my number is", 0.9, turn).dictation is Dictation.NUMBERS
    assert read("\u4eca\u5929\u5929\u6c14", 0.9, turn).language == "zh"
