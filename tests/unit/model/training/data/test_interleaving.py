from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.data.interleaving import interleave, require_pattern, segment_lengths
from model.training.data.problems import DataError

BOOST = (1, 10, 4, 10)
BALANCE = (1, 4, 3, 8, 4, 10)
BEGIN, END = -1, -2

patterns = st.lists(st.tuples(st.integers(1, 12), st.integers(3, 14)), min_size=1, max_size=4).map(
    lambda pairs: tuple(n for pair in pairs for n in pair)
)


def test_boost_of_eleven_text_tokens_and_sixty_codes() -> None:
    assert segment_lengths(11, 60, BOOST) == [(1, 8), (4, 8), (4, 8), (2, 36)]


def test_balance_begins_with_two_then_six_codes() -> None:
    assert segment_lengths(11, 60, BALANCE) == [(1, 2), (3, 6), (4, 8), (3, 44)]


def test_where_sound_ends_first_the_last_segment_takes_all_text() -> None:
    assert segment_lengths(11, 10, BOOST) == [(1, 8), (10, 2)]


def test_turbo_repeats_one_token_and_eight_codes() -> None:
    assert segment_lengths(3, 30, (1, 10)) == [(1, 8), (1, 8), (1, 14)]


def test_each_segment_stands_between_its_tags() -> None:
    ids = interleave(range(11), range(100, 160), BOOST, BEGIN, END)
    assert ids[:11] == [0, BEGIN, *range(100, 108), END]
    assert ids[11:25] == [1, 2, 3, 4, BEGIN, *range(108, 116), END]
    assert ids[39:] == [9, 10, BEGIN, *range(124, 160), END]


def test_text_alone_stays_as_it_is() -> None:
    assert interleave([5, 6, 7], [], BOOST, BEGIN, END) == [5, 6, 7]


def test_sound_alone_stays_in_one_piece() -> None:
    assert interleave([], list(range(30)), BOOST, BEGIN, END) == [BEGIN, *range(30), END]


@given(n_text=st.integers(0, 80), n_codes=st.integers(0, 200), pattern=patterns)
def test_nothing_is_lost_and_nothing_changes_places(
    n_text: int, n_codes: int, pattern: tuple[int, ...]
) -> None:
    text = [1000 + i for i in range(n_text)]
    codes = [5000 + i for i in range(n_codes)]
    ids = interleave(text, codes, pattern, BEGIN, END)
    assert [i for i in ids if 1000 <= i < 5000] == text
    assert [i for i in ids if i >= 5000] == codes
    assert ids.count(BEGIN) == ids.count(END)


@given(n_text=st.integers(1, 80), n_codes=st.integers(1, 200), pattern=patterns)
def test_all_segments_but_the_last_are_as_long_as_the_pattern_says(
    n_text: int, n_codes: int, pattern: tuple[int, ...]
) -> None:
    segments = segment_lengths(n_text, n_codes, pattern)
    texts, sounds = pattern[::2], [n - 2 for n in pattern[1::2]]
    for i, segment in enumerate(segments[:-1]):
        pair = min(i, len(texts) - 1)
        assert segment == (texts[pair], sounds[pair])


@pytest.mark.parametrize("pattern", [(), (1,), (1, 2), (0, 10), (1, 10, 4), (1, 10, -1, 10)])
def test_a_pattern_without_room_for_text_and_a_code_is_refused(pattern: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="pattern"):
        require_pattern(pattern)
