"""Anchored rates on decisions whose worth is known."""

from __future__ import annotations

import pytest

from model.duplex.scoring import AnchoredRates, Span


def test_an_event_is_found_between_a_quarter_second_before_and_three_seconds_after() -> None:
    anchored = AnchoredRates()
    assert anchored.add([5.0], [], [4.76, 9.0]) == (4.76,)
    assert anchored.add([5.0], [], [4.7, 8.1]) == (None,)
    assert (anchored.n_found, anchored.n_missed) == (1, 1)
    assert anchored.latencies_s == [pytest.approx(-0.24)]


def test_one_decision_never_finds_two_events() -> None:
    assert AnchoredRates().add([5.0, 5.1], [], [5.2]) == (None, 5.2)
    assert AnchoredRates().add([5.0, 6.0], [], [5.2, 6.3]) == (5.2, 6.3)


def test_a_decision_in_a_backchannel_is_one_false_positive_however_often_it_comes() -> None:
    anchored = AnchoredRates()
    anchored.add([], [Span(3.0, 3.5), Span(6.0, 6.5)], [2.8, 3.1, 3.4])
    assert (anchored.n_false, anchored.n_negatives) == (1, 2)


def test_decisions_in_an_events_window_are_never_false_positives() -> None:
    anchored = AnchoredRates()
    anchored.add([3.0], [Span(3.2, 3.6)], [3.3, 3.5])
    assert (anchored.n_found, anchored.n_false) == (1, 0)


def test_decisions_far_from_every_label_are_not_seen() -> None:
    anchored = AnchoredRates()
    anchored.add([3.0], [Span(1.0, 1.2)], [20.0])
    assert (anchored.n_found, anchored.n_false) == (0, 0)
