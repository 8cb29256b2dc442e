from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.cascade.hibari_library import normalized
from model.cascade.phonemes import EnglishPhonemizer
from model.cascade.speech_text import spoken


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("**Bold** and `code` here", "Bold and code here"),
        ("See [the page](http://a.b/c) now", "See the page now"),
        ("Nice 😀 day ☀️!", "Nice day!"),
        ("# Title", "Title"),
        ("- one", "one"),
        ("It is 5 km away", "It is 5 kilometers away"),
        ("Fruit, e.g. apples", "Fruit, for example, apples"),
        ("Dr. Smith", "Dr Smith"),
        ("at 7:30 pm", "at seven thirty P.M."),
        ("on 2024-03-05", "on March fifth, 2024"),
    ],
)
def test_text_is_made_speakable(shown: str, said: str) -> None:
    assert spoken(shown, normalized).text == said


def test_a_rewritten_word_keeps_its_place_in_the_shown_text() -> None:
    shown = "It is **5 km** away, on 2024-03-05."
    places = [shown[at.start : at.end] for at in spoken(shown, normalized).sources]
    assert places[:3] == ["It", "is", "5"]
    assert "km" in places
    assert "away," in places
    assert places[-1] == "2024-03-05."


def test_what_cannot_be_said_is_nothing() -> None:
    assert spoken("😀 *** ...", normalized).text == ""


@given(st.text(max_size=80))
def test_any_text_maps_into_itself(shown: str) -> None:
    for source in spoken(shown, normalized).sources:
        assert 0 <= source.start <= source.end <= len(shown)


PIECES = "$3.50, 1,250 km **Dr.** U.S. and/or 7:30 pm 😀 hello (or) x_y -5°C 50%"
MIXED = st.lists(st.sampled_from(PIECES.split()), max_size=12).map(" ".join)


@given(MIXED)
def test_marks_of_words_are_in_order_and_do_not_overlap(shown: str) -> None:
    phonemes = PHONEMIZER(shown)
    at_text = at_symbol = 0
    for word in phonemes.words:
        assert word.source.start >= at_text
        assert word.start >= at_symbol
        assert word.end > word.start
        at_text, at_symbol = word.source.end, word.end
    assert at_symbol <= len(phonemes.symbols)


PHONEMIZER = EnglishPhonemizer()


def test_numbers_and_currency_sound_as_words() -> None:
    assert "dˈɑləɹz" in PHONEMIZER("$3.50").symbols
