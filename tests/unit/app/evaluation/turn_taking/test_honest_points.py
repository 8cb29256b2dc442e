"""Points that other people chose, and how they compare."""

from __future__ import annotations

import math

import numpy as np
import pytest

from app.evaluation.turn_taking.detectors import TurnTrace
from app.evaluation.turn_taking.honest_points import (
    SHIPPED,
    HonestPoint,
    chosen_point,
    honest_columns,
    honest_points,
    shipped_point,
)
from app.evaluation.turn_taking.turn_scores import TurnScores
from model.duplex.scoring import Hold, Score, Silence, TurnTruth

PAUSE, END = Silence(2.0, 0.8, 2.0), Silence(5.0, math.inf, 2.2)


def truth(speaker: str = "ann", *, is_end_sure: bool = True) -> TurnTruth:
    hold = Hold(2.0, 2.8)
    return TurnTruth("en", (hold,), 5.0, 5.0, 8.0, is_end_sure=is_end_sure, speaker=speaker)


def scored(p_pause: float, p_end: float, n: int = 4) -> TurnScores:
    """Return turns of ``n`` people with one probability in the pause and one at the end."""
    scores = TurnScores()
    for i in range(n):
        trace = TurnTrace((5.5,), ((Score(2.2, p_pause), Score(5.2, p_end)),))
        scores.add(truth(str(i)), (PAUSE, END), trace)
    return scores


def test_the_point_is_the_one_that_other_people_chose() -> None:
    chosen = chosen_point(scored(0.3, 0.9), scored(0.6, 0.9))
    assert chosen is not None
    # thresholds from 0.3 on cut nobody there, and cut everybody here
    assert chosen.cut_rate == 1.0
    assert chosen.mean_s == pytest.approx(0.2)


def test_a_point_that_meets_no_budget_is_none() -> None:
    broken = TurnScores()
    broken.add(TurnTruth("en", (), None, 5.0, 8.0), (PAUSE, END), TurnTrace(None, ((),)))
    assert chosen_point(broken, broken) is None


def test_a_turn_that_nobody_answers_counts_as_three_seconds_at_least() -> None:
    scores = TurnScores()
    for taken in ((5.5,), ()):
        scores.add(truth(), (PAUSE, END), TurnTrace(taken))
    scores.add(truth(is_end_sure=False), (PAUSE, END), TurnTrace((6.0,)))
    point = shipped_point(scores)
    assert point is not None
    assert point.mean_s == pytest.approx((0.5 + 3.0) / 2)
    assert math.isnan(point.latency_s[2])


def test_the_ratio_compares_the_same_turns_and_draws_people() -> None:
    points = honest_points({"a": scored(0.1, 0.9), "b": scored(0.1, 0.9)}, {"a": scored(0.1, 0.9)})
    assert points["b"].point == SHIPPED
    row = honest_columns(points["a"], points["b"], [str(i) for i in range(4)])
    assert row["ratio_to_baseline"] == pytest.approx(0.2 / 0.5)
    assert row["ratio_95"] == "0.40-0.40"


def test_without_a_baseline_there_is_no_ratio() -> None:
    point = shipped_point(scored(0.1, 0.9))
    assert honest_columns(point, None, ["a"] * 4)["ratio_to_baseline"] is None
    assert set(honest_columns(None, point, ["a"]).values()) == {None}


def test_without_a_timed_end_there_is_no_mean() -> None:
    assert shipped_point(TurnScores()) is None
    assert HonestPoint("x", 0.0, np.array([np.nan])).mean_s is None
