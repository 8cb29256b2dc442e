"""From a probability and a silence to the end of a turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.duplex.policy import (
    END_P,
    LONGEST_WAIT_MS,
    STEP_P,
    EndpointingPoint,
    Wait,
    wait_for,
    with_model_score,
)
from model.types import NO_SCORE

POINT = EndpointingPoint(end_p=0.7, shortest_ms=300.0, longest_ms=2000.0)
PROBABILITY = st.floats(0.0, 1.0)
THRESHOLD = st.floats(0.05, 0.99)


def ends(p_end: float, silence_ms: float, **more: object) -> bool:
    wait = wait_for(POINT, p_end=p_end, silence_ms=silence_ms, **more)  # type: ignore[arg-type]
    return wait.p_end_of_turn >= END_P


def test_a_likely_end_is_taken_after_the_shortest_wait() -> None:
    assert not ends(0.9, 290.0)
    assert ends(0.9, 300.0)


def test_an_unlikely_end_is_taken_after_the_longest() -> None:
    assert not ends(0.3, 1990.0)
    assert ends(0.3, 2000.0)


def test_a_doubtful_end_waits_in_between() -> None:
    waits = [wait_for(POINT, p_end=p, silence_ms=100.0).wait_ms for p in (0.3, 0.45, 0.6, 0.7)]
    assert waits[0] == POINT.longest_ms
    assert waits[-1] == POINT.shortest_ms
    assert waits == sorted(waits, reverse=True)
    assert len(set(waits)) == len(waits)


def test_no_silence_is_no_end() -> None:
    assert not ends(1.0, 0.0)


def test_adaptive_endpointing_moves_both_waits_but_never_above_three_seconds() -> None:
    assert not ends(0.9, 700.0, extra_ms=500.0)
    assert ends(0.9, 800.0, extra_ms=500.0)
    assert ends(0.9, 200.0, extra_ms=-150.0)
    assert not ends(0.3, 2400.0, extra_ms=600.0)
    slow = EndpointingPoint(0.7, 800.0, 2900.0)
    wait = wait_for(slow, p_end=0.1, silence_ms=100.0, extra_ms=600.0)
    assert wait.wait_ms == LONGEST_WAIT_MS


def test_dictation_waits_longer_and_still_not_for_ever() -> None:
    assert not ends(0.99, 1400.0, is_dictating=True)
    assert ends(0.99, 1500.0, is_dictating=True)
    assert not ends(0.1, 2900.0, is_dictating=True)
    assert ends(0.1, LONGEST_WAIT_MS, is_dictating=True)


def test_a_shorter_limit_of_the_user_is_kept() -> None:
    assert ends(0.1, 900.0, limit_ms=900.0)
    assert ends(0.99, 900.0, limit_ms=900.0, is_dictating=True)


@given(PROBABILITY, st.floats(0.0, 5000.0), st.floats(-150.0, 600.0), THRESHOLD)
def test_after_three_seconds_every_turn_is_over(
    p_end: float, silence_ms: float, extra_ms: float, threshold_p: float
) -> None:
    found = wait_for(
        POINT, p_end=p_end, silence_ms=silence_ms, extra_ms=extra_ms, threshold_p=threshold_p
    )
    assert 0.0 <= found.p_end_of_turn <= 1.0
    is_over = silence_ms > 0.0 and silence_ms >= found.wait_ms - 1e-6
    assert (found.p_end_of_turn >= threshold_p) == found.is_over == is_over
    assert found.wait_ms <= LONGEST_WAIT_MS


@given(low=PROBABILITY, high=PROBABILITY, silence_ms=st.floats(1.0, 4000.0))
def test_a_surer_network_never_waits_longer(low: float, high: float, silence_ms: float) -> None:
    low, high = sorted((low, high))

    def at(p: float) -> Wait:
        return wait_for(POINT, p_end=p, silence_ms=silence_ms)

    assert at(high).wait_ms <= at(low).wait_ms
    assert at(high).p_end_of_turn >= at(low).p_end_of_turn


# -- "End of turn at" --------------------------------------------------------------------------


@given(st.floats(0.01, 0.999), THRESHOLD, THRESHOLD)
def test_a_more_patient_threshold_never_waits_less(p_end: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    waits = [
        wait_for(POINT, p_end=p_end, silence_ms=100.0, threshold_p=at).wait_ms for at in (low, high)
    ]
    assert waits == sorted(waits)


@pytest.mark.parametrize("p_end", [0.5, 0.7, 0.9, 0.97])
def test_no_step_of_the_threshold_is_without_effect(p_end: float) -> None:
    steps = [n / 100.0 for n in range(5, 100)]
    waits = [wait_for(POINT, p_end=p_end, silence_ms=100.0, threshold_p=at).wait_ms for at in steps]
    moving = [wait for wait in waits if wait < LONGEST_WAIT_MS]
    assert len(set(moving)) == len(moving) > 40


def test_the_default_threshold_is_the_point_itself() -> None:
    assert POINT.moved_to(END_P) is POINT
    assert POINT.moved_to(END_P + 1e-12).end_p == pytest.approx(POINT.end_p)


def test_what_waits_stays_a_step_below_the_threshold() -> None:
    wait = wait_for(POINT, p_end=0.9999, silence_ms=100.0, threshold_p=0.3)
    assert wait.p_end_of_turn == 0.3 - STEP_P


# -- a speech model that hears the turn itself -------------------------------------------------


@given(PROBABILITY)
def test_no_score_changes_nothing(p_end: float) -> None:
    assert with_model_score(p_end, NO_SCORE) == p_end


@given(st.floats(0.001, 0.999), PROBABILITY)
def test_a_score_pulls_its_own_way_and_stays_a_probability(p_end: float, score: float) -> None:
    both = with_model_score(p_end, score)
    assert 0.0 < both < 1.0
    assert (both >= p_end - 1e-9) if score >= NO_SCORE else (both <= p_end + 1e-9)


def test_one_overconfident_score_does_not_decide_alone() -> None:
    assert with_model_score(0.05, 1.0) < 0.5
    assert with_model_score(0.95, 0.0) > 0.5


def test_two_half_hearted_scores_are_more_than_one() -> None:
    assert with_model_score(0.7, 0.7) == pytest.approx(0.781, abs=0.01)
