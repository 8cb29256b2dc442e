"""From a probability and a silence to the end of a turn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model.duplex.endpointing import END_P, LONGEST_WAIT_MS, Dictation, Wait, wait_for
from model.duplex.predictor_card import EndpointingPoint

POINT = EndpointingPoint(end_p=0.7, shortest_ms=300.0, longest_ms=2000.0)
PROBABILITY = st.floats(0.0, 1.0)


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


def test_own_pauses_move_both_waits_but_never_above_three_seconds() -> None:
    assert not ends(0.9, 700.0, extra_ms=500.0)
    assert ends(0.9, 800.0, extra_ms=500.0)
    assert ends(0.9, 200.0, extra_ms=-150.0)
    assert not ends(0.3, 2400.0, extra_ms=600.0)
    slow = EndpointingPoint(0.7, 800.0, 2900.0)
    wait = wait_for(slow, p_end=0.1, silence_ms=100.0, extra_ms=600.0)
    assert wait.wait_ms == LONGEST_WAIT_MS


def test_dictation_waits_longer_and_still_not_for_ever() -> None:
    assert not ends(0.99, 1400.0, dictation=Dictation.NUMBERS)
    assert ends(0.99, 1500.0, dictation=Dictation.NUMBERS)
    assert not ends(0.1, 2900.0, dictation=Dictation.ADDRESS)
    assert ends(0.1, LONGEST_WAIT_MS, dictation=Dictation.ADDRESS)


def test_a_shorter_limit_of_the_user_is_kept() -> None:
    assert ends(0.1, 900.0, longest_ms=900.0)
    assert ends(0.99, 900.0, longest_ms=900.0, dictation=Dictation.NUMBERS)


@given(p_end=PROBABILITY, silence_ms=st.floats(0.0, 5000.0), extra_ms=st.floats(-150.0, 600.0))
def test_after_three_seconds_every_turn_is_over(
    p_end: float, silence_ms: float, extra_ms: float
) -> None:
    found = wait_for(POINT, p_end=p_end, silence_ms=silence_ms, extra_ms=extra_ms)
    assert 0.0 <= found.p_end_of_turn <= 1.0
    assert (found.p_end_of_turn >= END_P) == (
        silence_ms > 0.0 and silence_ms >= found.wait_ms - 1e-6
    )
    assert found.wait_ms <= LONGEST_WAIT_MS


@given(low=PROBABILITY, high=PROBABILITY, silence_ms=st.floats(1.0, 4000.0))
def test_a_surer_network_never_waits_longer(low: float, high: float, silence_ms: float) -> None:
    low, high = sorted((low, high))

    def at(p: float) -> Wait:
        return wait_for(POINT, p_end=p, silence_ms=silence_ms)

    assert at(high).wait_ms <= at(low).wait_ms
    assert at(high).p_end_of_turn >= at(low).p_end_of_turn
