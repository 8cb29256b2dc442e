"""Long texts are cut where one would breathe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.batch.work import pieces


def test_a_short_text_stays_whole() -> None:
    assert list(pieces("Hello there. How are you?", 400)) == ["Hello there. How are you?"]


def test_cut_at_the_last_sentence_that_fits() -> None:
    text = "One is here. Two is here, too. Three is here."
    assert list(pieces(text, 35)) == ["One is here. Two is here, too.", "Three is here."]


def test_a_paragraph_is_a_better_place_than_a_sentence() -> None:
    text = "A heading that is long\n\nA sentence. And another one that goes on."
    assert next(pieces(text, 40)) == "A heading that is long"


def test_without_a_sentence_a_comma_and_without_a_comma_a_space() -> None:
    assert next(pieces("aaaa bbbb cccc, dddd eeee", 20)) == "aaaa bbbb cccc,"
    assert next(pieces("aaaa bbbb cccc dddd eeee", 20)) == "aaaa bbbb cccc dddd"


def test_mandarin_is_cut_after_its_full_stop() -> None:
    assert list(pieces("今天天气很好。我们去公园。", 9)) == ["今天天气很好。", "我们去公园。"]


@given(text=st.text(alphabet="ab .,!?\n。，中", max_size=300), at_most=st.integers(1, 50))
def test_nothing_is_lost_and_no_piece_is_too_long(text: str, at_most: int) -> None:
    found = list(pieces(text, at_most))
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(0 < len(piece) <= at_most for piece in found)
