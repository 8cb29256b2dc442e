from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.duplex.end_of_turn_detectors import with_model_score
from model.types import NO_SCORE

P = st.floats(0.0, 1.0)


@given(P)
def test_no_score_changes_nothing(p_end: float) -> None:
    assert with_model_score(p_end, NO_SCORE) == p_end


@given(st.floats(0.001, 0.999), P)
def test_a_score_pulls_its_own_way_and_stays_a_probability(p_end: float, score: float) -> None:
    both = with_model_score(p_end, score)
    assert 0.0 < both < 1.0
    assert (both >= p_end - 1e-9) if score >= NO_SCORE else (both <= p_end + 1e-9)


def test_one_overconfident_score_does_not_decide_alone() -> None:
    assert with_model_score(0.05, 1.0) < 0.5
    assert with_model_score(0.95, 0.0) > 0.5


def test_two_half_hearted_scores_are_more_than_one() -> None:
    assert with_model_score(0.7, 0.7) == pytest.approx(0.781, abs=0.01)
