"""The delay follows the speaker, slowly and within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.duplex.adaptive_endpointing import AdaptiveEndpointing
from model.duplex.policy import LEAST_EXTRA_MS, MOST_EXTRA_MS, TYPICAL_PAUSE_MS
from model.duplex.voice_tracker import Stretch

Part = tuple[str, int]  # ("voice" or "pause", milliseconds)


def heard(parts: list[Part], pauses: AdaptiveEndpointing | None = None) -> AdaptiveEndpointing:
    """One turn of voice and pauses, 10 ms at a time."""
    pauses = pauses or AdaptiveEndpointing()
    turn: Stretch | None = None
    at = 0
    for kind, ms in parts:
        for _ in range(ms // 10):
            start_s, at = at / 100.0, at + 1
            if kind == "voice":
                turn = turn or Stretch(start_s, start_s)
                turn.add_voice(start_s, at / 100.0)
            pauses.hear(turn, start_s, at / 100.0)
    pauses.hear(None, at / 100.0, at / 100.0)
    return pauses


def halting(pause_ms: int, n: int) -> list[Part]:
    return [("voice", 800), *[("pause", pause_ms), ("voice", 800)] * n]


def test_a_stranger_changes_nothing() -> None:
    assert AdaptiveEndpointing().extra_ms == 0.0


def test_long_pauses_lengthen_the_delay_and_short_ones_shorten_it() -> None:
    assert heard(halting(1400, 6)).extra_ms > 200.0
    assert heard(halting(250, 12)).extra_ms < -100.0


def test_the_more_pauses_the_more_it_moves() -> None:
    extras = [heard(halting(1200, n)).extra_ms for n in (1, 3, 6)]
    assert extras == sorted(extras)


def test_it_comes_back_slowly() -> None:
    slow = heard(halting(1400, 10))
    learned = slow.extra_ms
    heard(halting(450, 1), slow)
    assert 0.7 * learned < slow.extra_ms < learned
    heard(halting(450, 20), slow)
    assert slow.extra_ms < 50.0


@pytest.mark.parametrize("gap_ms", [250, 600, 1500, 2900])
def test_a_burst_of_backchannels_moves_it_less_than_50_ms(gap_ms: int) -> None:
    burst = [("voice", 350), ("pause", gap_ms)] * 12
    assert abs(heard(burst).extra_ms) < 50.0


def test_a_backchannel_before_a_sentence_teaches_nothing() -> None:
    assert heard([("voice", 300), ("pause", 1500), ("voice", 2000)]).extra_ms == 0.0


def test_the_silence_after_a_turn_is_no_pause() -> None:
    assert heard([("voice", 2000), ("pause", 2500)]).extra_ms == 0.0
    assert heard([("voice", 2000), ("pause", 2500)] * 1).mean_ms == TYPICAL_PAUSE_MS


def test_one_turn_is_not_the_pause_of_the_next() -> None:
    pauses = heard([("voice", 1000)])
    heard([("voice", 1000)], pauses)
    assert pauses.mean_ms == TYPICAL_PAUSE_MS


def test_a_reply_that_was_spoken_over_at_once_had_cut_into_a_pause() -> None:
    pauses = AdaptiveEndpointing()
    pauses.went_on(1500.0)
    assert pauses.extra_ms > 50.0
    pauses.went_on(20.0)
    assert pauses.mean_ms > TYPICAL_PAUSE_MS


@given(
    st.lists(
        st.tuples(st.integers(20, 200), st.integers(1, 400)).map(lambda t: (10 * t[0], 10 * t[1])),
        max_size=6,
    )
)
def test_whatever_is_said_it_stays_within_bounds(turns: list[tuple[int, int]]) -> None:
    pauses = AdaptiveEndpointing()
    for voice_ms, pause_ms in turns:
        heard([("voice", voice_ms), ("pause", pause_ms), ("voice", voice_ms)], pauses)
        assert LEAST_EXTRA_MS <= pauses.extra_ms <= MOST_EXTRA_MS
