"""The benchmark's rule on silences and scores written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.duplex.scoring import (
    Hold,
    Score,
    ScoredClip,
    Silence,
    Sweep,
    TurnTruth,
    middle_95,
    place_decisions,
    ratio_95,
    resample_counts,
    resample_people,
)

PAUSE = Silence(2.0, 1.2, 2.0)
END = Silence(5.0, math.inf, 1.8)
TRUTH = TurnTruth("en", (Hold(2.0, 3.2, is_inserted=True),), 5.0, 5.0, 8.0)


def clip(*scores: tuple[float, float], truth: TurnTruth = TRUTH) -> ScoredClip:
    return ScoredClip(truth, (PAUSE, END), tuple(Score(at_s, p) for at_s, p in scores))


def test_a_timer_must_outlast_the_pause() -> None:
    point = Sweep([clip()]).fastest(0.05)
    assert point is not None
    assert point.threshold is None
    assert (point.timeout_s, point.cut_rate) == (1.5, 0.0)
    assert point.mean_latency_s == pytest.approx(1.5)


def test_a_network_that_knows_answers_at_the_shortest_delay() -> None:
    knowing = clip((2.1, 0.1), (2.5, 0.2), (5.1, 0.9))
    point = Sweep([knowing]).fastest(0.05)
    assert point is not None
    assert point.mean_latency_s == pytest.approx(0.2)
    assert point.p50_latency_s == pytest.approx(0.2)
    assert 0.2 <= (point.threshold or 0.0) < 0.9


def test_a_network_that_learns_late_answers_when_it_knows() -> None:
    point = Sweep([clip((2.1, 0.1), (5.1, 0.1), (5.65, 0.8))]).fastest(0.05)
    assert point is not None
    assert point.mean_latency_s == pytest.approx(0.65)


def test_a_network_that_is_wrong_waits_for_its_timeout() -> None:
    point = Sweep([clip((2.1, 0.9), (5.1, 0.1))]).fastest(0.05)
    assert point is not None
    assert point.mean_latency_s == pytest.approx(1.5)  # the timeout beyond the pause


def test_a_budget_that_allows_the_cut_allows_the_shortest_delay() -> None:
    point = Sweep([clip((2.1, 0.9), (5.1, 0.1))]).fastest(1.0)
    assert point is not None
    assert point.cut_rate == 1.0
    assert point.mean_latency_s == pytest.approx(0.2)


def test_a_decision_in_an_unlabelled_pause_is_a_cut_as_well() -> None:
    truth = TurnTruth("en", (), 5.0, 5.0, 8.0)
    labelled = clip((5.1, 0.9))
    unlabelled = clip((2.1, 0.9), (5.1, 0.9), truth=truth)
    point = Sweep([labelled, unlabelled]).fastest(0.05)
    assert point is not None
    assert point.mean_latency_s == pytest.approx(1.5)


def test_the_fewest_cuts_within_a_latency() -> None:
    mixed = [clip((2.1, 0.9), (5.1, 0.9)), clip((2.1, 0.1), (5.1, 0.9))]
    point = Sweep(mixed).fewest_cuts(0.3)
    assert point is not None
    assert point.cut_rate == pytest.approx(0.5)
    assert Sweep(mixed).fewest_cuts(0.1) is None


def test_latency_starts_at_the_label_not_at_the_detectors_silence() -> None:
    late = ScoredClip(TRUTH, (PAUSE, Silence(5.1, math.inf, 1.9)), ())
    point = Sweep([late]).fastest(0.05)
    assert point is not None
    assert point.mean_latency_s == pytest.approx(1.6)


def test_without_pauses_or_ends_there_is_no_point() -> None:
    no_end = TurnTruth("en", TRUTH.holds, None, 5.0, 8.0)
    no_pause = TurnTruth("en", (), 5.0, 5.0, 8.0)
    assert Sweep([]).fastest(0.05) is None
    assert Sweep([clip(truth=no_end)]).fastest(0.05) is None
    assert Sweep([ScoredClip(no_pause, (END,))]).fastest(0.05) is None
    assert Sweep([]).latency_interval_s(0.05) is None


def test_the_interval_holds_the_point_and_has_no_width_for_one_clip() -> None:
    assert Sweep([clip()]).latency_interval_s(0.05) == pytest.approx((1.5, 1.5))
    slow = ScoredClip(TRUTH, (PAUSE, Silence(5.4, math.inf, 2.2)), ())
    low, high = Sweep([clip(), clip(), slow]).latency_interval_s(0.05) or (9.0, 0.0)
    assert low <= 1.5 + 0.4 / 3 <= high


@pytest.mark.parametrize("wait_s", [0.5, 1.0, 1.5])
def test_the_sweep_places_decisions_as_those_of_the_shipped_point_are_placed(wait_s: float) -> None:
    ends = [s.start_s + wait_s for s in (PAUSE, END) if s.seconds >= wait_s]
    found = place_decisions(TRUTH, ends)
    point = Sweep([clip()]).fewest_cuts(wait_s)
    assert point is not None
    assert point.cut_rate == len(found.cut_holds)


def test_resamples_draw_as_many_as_there_are_and_repeat_exactly() -> None:
    counts = resample_counts(7)
    assert (counts.sum(axis=1) == 7).all()
    assert np.array_equal(counts, resample_counts(7))


def test_the_middle_leaves_out_both_tails_and_what_is_not_finite() -> None:
    values = np.array([*range(101), np.inf, np.nan], np.float64)
    assert middle_95(values) == pytest.approx((2.5, 97.5))
    assert middle_95(np.array([np.inf])) is None


def test_a_pause_after_a_full_stop_is_in_no_rate() -> None:
    understood = TurnTruth("en", (Hold(2.0, 3.2, is_sentence_end=True),), 5.0, 5.0, 8.0)
    other = TurnTruth("en", (Hold(2.0, 3.2),), 5.0, 5.0, 8.0)
    points = Sweep([clip(truth=understood), clip(truth=other)]).points()
    assert {point.cut_rate for point in points} == {0.0, 1.0}  # of one pause, not of two


def test_an_end_that_is_not_sure_is_not_timed() -> None:
    unsure = TurnTruth("en", (Hold(2.0, 3.2),), 5.0, 5.0, 8.0, is_end_sure=False)
    assert Sweep([clip(truth=unsure)]).fastest(1.0) is None


def test_a_policy_can_be_told_of_other_clips_than_it_was_chosen_on() -> None:
    chosen_on = Sweep([clip((2.1, 0.3), (5.1, 0.9))])
    at = chosen_on.index_of_fastest(0.05)
    assert at is not None
    told = Sweep([clip((2.1, 0.6), (5.1, 0.9))]).applied(at)
    assert told.point.cut_rate == 1.0
    assert told.latency_s == pytest.approx([0.2])


def test_people_are_drawn_with_all_that_is_theirs() -> None:
    counts = resample_people(["ann", "bob", "ann", ""])
    assert np.array_equal(counts[:, 0], counts[:, 2])
    assert set(counts[:, [0, 1, 3]].sum(axis=1)) == {3.0}


def test_a_ratio_is_of_the_clips_that_both_have() -> None:
    ours, theirs = np.array([1.0, 2.0, np.nan]), np.array([2.0, 4.0, 9.0])
    assert ratio_95(ours, theirs, ["a", "b", "c"]) == pytest.approx((0.5, 0.5))
    assert ratio_95(np.array([]), np.array([]), []) is None
