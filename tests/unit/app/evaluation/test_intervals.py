"""Intervals that textbooks give."""

from __future__ import annotations

import numpy as np
import pytest

from app.evaluation.scorecard import middle_95, resample_counts, wilson


def test_half_of_ten_lies_between_a_quarter_and_three_quarters() -> None:
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-3)


def test_none_of_few_is_far_from_never() -> None:
    low, high = wilson(0, 13) or (1.0, 0.0)
    assert low == 0.0
    assert high == pytest.approx(0.228, abs=1e-3)


def test_a_share_of_nothing_has_no_interval() -> None:
    assert wilson(0, 0) is None


def test_resamples_draw_as_many_as_there_are_and_repeat_exactly() -> None:
    counts = resample_counts(7, 50)
    assert counts.shape == (50, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert np.array_equal(counts, resample_counts(7, 50))


def test_the_middle_leaves_out_both_tails_and_what_is_not_finite() -> None:
    values = np.array([*range(101), np.inf, np.nan], np.float64)
    assert middle_95(values) == pytest.approx((2.5, 97.5))
    assert middle_95(np.array([np.inf])) is None
