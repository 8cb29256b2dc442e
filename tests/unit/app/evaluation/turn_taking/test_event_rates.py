"""F1@K and anchored rates on decisions whose worth is known."""

from __future__ import annotations

import pytest

from app.evaluation.turn_taking.event_rates import F1, Anchored, f1_at_steps
from app.evaluation.turn_taking.labels import Span


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


def test_an_event_is_found_between_a_quarter_second_before_and_three_seconds_after() -> None:
    anchored = Anchored()
    assert anchored.add([5.0], [], [4.76, 9.0]) == (4.76,)
    assert anchored.add([5.0], [], [4.7, 8.1]) == (None,)
    assert (anchored.n_found, anchored.n_missed) == (1, 1)
    assert anchored.latencies_s == [pytest.approx(-0.24)]


def test_one_decision_never_finds_two_events() -> None:
    assert Anchored().add([5.0, 5.1], [], [5.2]) == (None, 5.2)
    assert Anchored().add([5.0, 6.0], [], [5.2, 6.3]) == (5.2, 6.3)


def test_a_decision_in_a_backchannel_is_one_false_positive_however_often_it_comes() -> None:
    anchored = Anchored()
    anchored.add([], [Span(3.0, 3.5), Span(6.0, 6.5)], [2.8, 3.1, 3.4])
    assert (anchored.n_false, anchored.n_negatives) == (1, 2)


def test_decisions_in_an_events_window_are_never_false_positives() -> None:
    anchored = Anchored()
    anchored.add([3.0], [Span(3.2, 3.6)], [3.3, 3.5])
    assert (anchored.n_found, anchored.n_false) == (1, 0)


def test_decisions_far_from_every_label_are_not_seen() -> None:
    anchored = Anchored()
    anchored.add([3.0], [Span(1.0, 1.2)], [20.0])
    assert (anchored.n_found, anchored.n_false) == (0, 0)
