"""From evidence that rises with the silence, and a threshold that falls, to the end of a turn."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.duplex.policy import (
    DICTATION_WAIT_MS,
    END_P,
    LEAST_WAIT_MS,
    LONGEST_WAIT_MS,
    REFERENCE_MS,
    THRESHOLD_FALL,
    EndingPoint,
    EndOdds,
    Wait,
    wait_by_odds,
)

POINT = EndingPoint(log_odds=1.0, shortest_ms=250.0, longest_ms=1900.0)
LOG_ODDS = st.floats(-12.0, 12.0)
RISE = st.floats(-4.0, 4.0)
THRESHOLD = st.floats(0.05, 0.99)
SILENCE_MS = st.floats(0.0, 4000.0)


def wait(at_reference: float, rise: float = 0.0, silence_ms: float = 100.0, **more: float) -> Wait:
    return wait_by_odds(POINT, EndOdds(at_reference, rise), silence_ms=silence_ms, **more)  # type: ignore[arg-type]


def test_odds_that_just_reach_the_threshold_end_the_turn_after_the_reference_silence() -> None:
    assert wait(POINT.log_odds).wait_ms == pytest.approx(REFERENCE_MS)


def test_the_wait_is_where_rising_odds_meet_the_falling_threshold() -> None:
    for at_reference, rise in ((0.0, 0.5), (0.5, 1.0), (0.2, -0.5)):
        found = wait(at_reference, rise)
        later = math.log(found.wait_ms / REFERENCE_MS)
        assert at_reference + rise * later == pytest.approx(POINT.log_odds - THRESHOLD_FALL * later)


def test_a_sure_end_waits_the_shortest_time_and_an_unlikely_one_the_longest() -> None:
    assert wait(20.0).wait_ms == POINT.shortest_ms
    assert wait(-20.0).wait_ms == POINT.longest_ms
    assert wait(20.0).is_likely
    assert not wait(-20.0).is_likely


def test_evidence_that_falls_with_the_silence_never_waits_for_ever() -> None:
    found = wait(0.0, rise=-4.0, silence_ms=POINT.longest_ms)
    assert found.is_over
    assert found.p_end_of_turn >= END_P


def test_no_silence_is_no_end() -> None:
    found = wait(30.0, silence_ms=0.0)
    assert not found.is_over
    assert found.p_end_of_turn == 0.0


def test_dictation_longest_wait_and_the_speakers_pauses_stay_on_top() -> None:
    odds = EndOdds(20.0, 0.0)
    dictated = wait_by_odds(POINT, odds, silence_ms=100.0, is_dictating=True)
    assert dictated.wait_ms == DICTATION_WAIT_MS
    unsure = EndOdds(-20.0, 0.0)
    assert wait_by_odds(POINT, unsure, silence_ms=100.0, limit_ms=900.0).wait_ms == 900.0
    slow = wait_by_odds(POINT, unsure, silence_ms=100.0, extra_ms=5000.0)
    assert slow.wait_ms == LONGEST_WAIT_MS
    assert wait_by_odds(POINT, odds, silence_ms=100.0, extra_ms=300.0).wait_ms == 550.0
    assert wait_by_odds(POINT, odds, silence_ms=100.0, extra_ms=-150.0).wait_ms == LEAST_WAIT_MS


@given(LOG_ODDS, RISE, SILENCE_MS, THRESHOLD)
def test_what_is_said_and_what_is_done_agree(
    at_reference: float, rise: float, silence_ms: float, threshold_p: float
) -> None:
    found = wait(at_reference, rise, silence_ms, threshold_p=threshold_p)
    assert 0.0 <= found.p_end_of_turn <= 1.0
    assert (found.p_end_of_turn >= threshold_p) == found.is_over
    assert LEAST_WAIT_MS <= found.wait_ms <= LONGEST_WAIT_MS


@given(LOG_ODDS, RISE, st.tuples(THRESHOLD, THRESHOLD))
def test_a_more_patient_threshold_never_waits_less(
    at_reference: float, rise: float, thresholds: tuple[float, float]
) -> None:
    low, high = sorted(thresholds)
    assert (
        wait(at_reference, rise, threshold_p=high).wait_ms
        >= wait(at_reference, rise, threshold_p=low).wait_ms - 1e-6
    )


@given(st.tuples(LOG_ODDS, LOG_ODDS), RISE)
def test_more_evidence_never_waits_longer(pair: tuple[float, float], rise: float) -> None:
    low, high = sorted(pair)
    assert wait(high, rise).wait_ms <= wait(low, rise).wait_ms + 1e-6


@pytest.mark.parametrize("at_reference", [-20.0, 0.0, 1.0, 2.0, 20.0])
def test_no_step_of_the_threshold_is_without_effect(at_reference: float) -> None:
    steps = [i / 20.0 for i in range(2, 20)]
    waits = [wait(at_reference, threshold_p=at).wait_ms for at in steps]
    below = [ms for ms in waits if ms < LONGEST_WAIT_MS]
    assert len(set(below)) == len(below)
