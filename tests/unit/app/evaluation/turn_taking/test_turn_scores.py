"""Turn by turn: what a detector's decisions and probabilities add up to."""

from __future__ import annotations

import math

import pytest

from app.evaluation.scorecard import Row
from app.evaluation.turn_taking.detectors import TurnTrace
from app.evaluation.turn_taking.turn_scores import F1, TurnScores, f1_at_steps
from model.duplex.scoring import Hold, Score, Silence, TurnTruth

PAUSE = Silence(2.0, 0.8, 2.0)
END = Silence(5.0, math.inf, 2.2)
INSERTED = TurnTruth("en", (Hold(2.0, 2.8, is_inserted=True),), 5.0, 5.0, 8.0)
NATURAL = TurnTruth("zh", (Hold(2.0, 2.8, is_inserted=False),), 5.0, 5.0, 8.0)
TRUNCATED = TurnTruth("en", (), None, 5.0, 8.0)


def row(*clips: tuple[TurnTruth, TurnTrace]) -> Row:
    scores = TurnScores()
    for truth, trace in clips:
        scores.add(truth, (PAUSE, END), trace)
    return scores.row()


def test_cuts_are_told_apart_by_pause_language_and_place() -> None:
    found = row(
        (INSERTED, TurnTrace((2.5, 5.6))),
        (NATURAL, TurnTrace((5.4,))),
        (INSERTED, TurnTrace((1.0,))),
    )
    assert (found["cut_inserted"], found["cut_natural"], found["cut_elsewhere"]) == (
        "1 of 2",
        "0 of 1",
        1,
    )
    assert found["cut_percent"] == 50.0  # the speech that was cut into counts as a pause
    assert (found["cut_en"], found["cut_zh"]) == ("2 of 3", "0 of 1")
    assert found["ends_found"] == "2 of 3"
    assert found["end_latency_p50_ms"] == pytest.approx(500.0)
    assert found["end_latency_zh_p50_ms"] == pytest.approx(400.0)


def test_a_broken_off_phrase_reports_the_wait_and_is_no_end() -> None:
    found = row((TRUNCATED, TurnTrace((7.5,))), (TRUNCATED, TurnTrace(())))
    assert found["truncated_taken"] == "1 of 2"
    assert found["truncated_wait_p50_ms"] == pytest.approx(2500.0)
    assert found["ends_found"] is None
    assert found["assistant_turn_f1_at_10"] is None


def test_takeover_counts_short_pauses_and_turns() -> None:
    found = row((INSERTED, TurnTrace((2.5, 4.9))), (NATURAL, TurnTrace(())))
    assert found["takeover_in_pauses_percent"] == 50.0
    assert found["takeover_after_turns_percent"] == 50.0
    assert found["takeover_latency_mean_ms"] == 0.0  # early is not negative


def test_ends_are_events_and_pauses_are_traps() -> None:
    found = row((INSERTED, TurnTrace((2.5, 5.3))))
    assert found["assistant_turn_f1_at_1"] == 0.0
    assert found["assistant_turn_f1_at_5"] == pytest.approx(2 / 3)
    assert (found["end_recall"], found["end_false_positives"]) == (1.0, 1.0)


def test_a_detector_with_probabilities_is_swept_with_its_best_way_of_asking() -> None:
    once = (Score(2.2, 0.9), Score(5.2, 0.9))
    again = (*once, Score(5.6, 0.95))
    found = row((INSERTED, TurnTrace((2.2,), (once, again))))
    assert found["latency_at_5_percent_cut_mean_ms"] == pytest.approx(600.0)
    assert str(found["point_at_5_percent_cut"]).endswith("/1.0")
    assert found["cut_percent_at_300_ms"] == 100.0
    assert found["cut_percent_at_700_ms"] == 0.0


def test_a_detector_without_a_knob_meets_the_budget_or_has_no_latency() -> None:
    kept = row((INSERTED, TurnTrace((6.0,))))
    assert kept["latency_at_5_percent_cut_mean_ms"] == pytest.approx(1000.0)
    assert kept["point_at_5_percent_cut"] == "as shipped"
    cut = row((INSERTED, TurnTrace((2.5, 5.5))))
    assert cut["latency_at_5_percent_cut_mean_ms"] is None
    assert cut["cut_percent_at_700_ms"] == 100.0
    assert cut["cut_percent_at_300_ms"] is None


def test_a_family_of_timers_has_no_shipped_point() -> None:
    found = row((INSERTED, TurnTrace(None, ((),))))
    assert found["latency_at_5_percent_cut_mean_ms"] == pytest.approx(800.0)
    assert found["cut_percent"] is None
    assert found["ends_found"] is None


def test_probabilities_in_silences_are_compared_with_what_followed() -> None:
    scores = (Score(1.0, 0.9), Score(2.3, 0.2), Score(5.3, 0.8))
    found = row((INSERTED, TurnTrace((), (scores,))), (TRUNCATED, TurnTrace((), (scores[2:],))))
    assert found["end_calibration_error"] == pytest.approx(0.2)


def test_nothing_heard_is_nothing_measured() -> None:
    assert set(row().values()) == {None}


def f1(tolerance_s: float, events: list[float], decisions: list[float]) -> float | None:
    score = F1(tolerance_s)
    score.add(events, decisions)
    return score.value


def test_a_decision_within_k_steps_counts() -> None:
    assert f1(0.4, [2.0], [2.4]) == 1.0
    assert f1(0.4, [2.0], [2.41]) == 0.0
    assert f1(0.4, [2.0], [1.6]) == 1.0


def test_decisions_too_many_and_events_missed_both_cost() -> None:
    assert f1(0.4, [2.0, 8.0], [2.1, 5.0]) == pytest.approx(0.5)
    assert f1(0.4, [2.0], [2.1, 2.2, 2.3]) == pytest.approx(0.5)


def test_without_events_there_is_no_f1() -> None:
    assert f1(0.4, [], [1.0]) is None
    assert f1(0.4, [1.0], []) == 0.0


def test_steps_are_80_ms() -> None:
    assert {k: score.tolerance_s for k, score in f1_at_steps().items()} == {
        1: pytest.approx(0.08),
        5: pytest.approx(0.4),
        10: pytest.approx(0.8),
    }
