from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model.events import Mark
from model.vita_audio.conversation.word_timing import WordTiming

RATE_HZ = 22_050


def words(text: str, marks: list[Mark]) -> list[str]:
    return [text[mark.text_start : mark.text_end] for mark in marks]


def test_a_word_is_marked_once_it_is_written_to_its_end() -> None:
    timing = WordTiming(RATE_HZ)
    timing.write("Hel")
    assert timing.sound(0, RATE_HZ) == ()
    timing.write("lo you")
    (mark,) = timing.sound(RATE_HZ, 2 * RATE_HZ)
    assert (mark.text_start, mark.text_end) == (0, 5)
    assert mark.sample_start >= RATE_HZ


def test_words_sound_one_after_the_other_at_about_the_pace_of_speech() -> None:
    timing = WordTiming(RATE_HZ)
    text = "This is a sentence of some ten words or so. "
    timing.write(text)
    marks = list(timing.sound(0, 10 * RATE_HZ))
    assert words(text, marks) == text.split()
    assert 2.0 < marks[-1].sample_end / RATE_HZ < 4.0


def test_a_word_that_reaches_over_the_border_is_not_marked_twice() -> None:
    timing = WordTiming(RATE_HZ)
    timing.write("extraordinary things ")
    first = timing.sound(0, 2205)
    second = timing.sound(2205, 10 * RATE_HZ)
    assert len(first) == len(second) == 1
    assert first[0].sample_end == 2205
    assert second[0].sample_start > 2205


def test_words_that_remain_share_what_sound_remains() -> None:
    timing = WordTiming(RATE_HZ)
    timing.write("one two three")
    marks = list(timing.finish(100, 400))
    assert marks[0].sample_start == 100
    assert marks[-1].sample_end <= 400
    assert len(marks) == 3
    assert not timing.has_words


def test_ideographs_are_words_of_their_own() -> None:
    timing = WordTiming(RATE_HZ)
    timing.write("你好。再见")
    assert words("你好。再见", list(timing.finish(0, 100))) == ["你", "好。", "再", "见"]


@given(st.lists(st.tuples(st.text("ab .你", max_size=12), st.integers(0, 9000)), max_size=20))
def test_every_word_is_marked_once_in_order_within_its_sound(
    steps: list[tuple[str, int]],
) -> None:
    timing = WordTiming(RATE_HZ)
    text, at = "", 0
    marks: list[Mark] = []
    for piece, n in steps:
        text += piece
        timing.write(piece)
        for mark in timing.sound(at, at + n):
            assert at <= mark.sample_start <= mark.sample_end <= at + n
            assert mark.text_end <= len(text)
            marks.append(mark)
        at += n
    marks += timing.finish(at, at + 220)
    assert "".join(words(text, marks)) == "".join(text.split())
    for earlier, later in pairwise(marks):
        assert earlier.text_end <= later.text_start
        assert earlier.sample_end <= later.sample_start
