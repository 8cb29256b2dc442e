from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.duplex.pause_opinions import with_opinion
from model.types import NO_OPINION

P = st.floats(0.0, 1.0)


@given(P)
def test_no_opinion_changes_nothing(p_end: float) -> None:
    assert with_opinion(p_end, NO_OPINION) == p_end


@given(st.floats(0.001, 0.999), P)
def test_an_opinion_pulls_its_own_way_and_stays_a_probability(p_end: float, opinion: float) -> None:
    both = with_opinion(p_end, opinion)
    assert 0.0 < both < 1.0
    assert (both >= p_end - 1e-9) if opinion >= NO_OPINION else (both <= p_end + 1e-9)


def test_one_overconfident_opinion_does_not_decide_alone() -> None:
    assert with_opinion(0.05, 1.0) < 0.5
    assert with_opinion(0.95, 0.0) > 0.5


def test_two_half_hearted_opinions_are_more_than_one() -> None:
    assert with_opinion(0.7, 0.7) == pytest.approx(0.781, abs=0.01)
