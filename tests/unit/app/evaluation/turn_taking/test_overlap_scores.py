"""What stops are worth, on recordings written by hand."""

from __future__ import annotations

import pytest

from app.evaluation.scorecard import Row
from app.evaluation.turn_taking.detectors import OverlapTrace
from app.evaluation.turn_taking.overlap_scores import OverlapScores, OverlapTruth
from app.evaluation.turn_taking.silences import Stop
from model.duplex.scoring import Score, Span

SPEAKING = Span(0.0, 60.0)


def truth(
    *,
    interruptions: tuple[Span, ...] = (),
    backchannels: tuple[Span, ...] = (),
    noises: tuple[Span, ...] = (),
    alone: tuple[Span, ...] = (),
) -> OverlapTruth:
    is_noisy = bool(noises)
    return OverlapTruth("a", SPEAKING, interruptions, backchannels, noises, alone, is_noisy)


def row(*recordings: tuple[OverlapTruth, OverlapTrace]) -> Row:
    scores = OverlapScores()
    for recording, trace in recordings:
        scores.add(recording, trace)
    return scores.row()


def cut(stopped_s: float, decided_s: float) -> Stop:
    return Stop(stopped_s, decided_s, was_cut=True)


def test_an_interruption_is_timed_to_the_silence_and_to_the_decision() -> None:
    found = row((truth(interruptions=(Span(5.0, 8.0),)), OverlapTrace((cut(5.2, 5.6),))))
    assert found["interruption_recall"] == 1.0
    assert found["interruptions_found"] == "1 of 1"
    assert found["silence_latency_p50_ms"] == pytest.approx(200.0)
    assert found["decision_latency_p50_ms"] == pytest.approx(600.0)
    assert (found["user_turn_f1_at_1"], found["user_turn_f1_at_10"]) == (0.0, 1.0)


def test_a_hold_alone_finds_no_interruption() -> None:
    held = OverlapTrace((Stop(5.2, 5.6, was_cut=False),))
    assert row((truth(interruptions=(Span(5.0, 8.0),)), held))["interruption_recall"] == 0.0


def test_a_backchannel_that_ends_the_reply_counts_against_accuracy_and_as_false_positive() -> None:
    mhms = (Span(3.0, 3.3), Span(6.0, 6.3))
    found = row((truth(backchannels=mhms), OverlapTrace((cut(3.2, 3.7),))))
    assert found["backchannel_accuracy_percent"] == 50.0
    assert found["interruption_false_positives"] == 0.5


def test_a_backchannel_that_only_holds_the_reply_is_accurate() -> None:
    held = OverlapTrace((Stop(3.2, 3.6, was_cut=False),))
    found = row((truth(backchannels=(Span(3.0, 3.3),)), held))
    assert found["backchannel_accuracy_percent"] == 100.0
    assert found["backchannels_held_shortly"] == 1


def test_false_stops_are_counted_per_minute_of_noise_and_of_echo_apart() -> None:
    noisy = truth(noises=(Span(4.0, 6.0),), alone=(Span(0.0, 30.0),))
    quiet = truth(alone=(Span(0.0, 60.0),))
    traces = OverlapTrace((cut(5.0, 5.2), Stop(9.0, 9.3, was_cut=False)))
    found = row((noisy, traces), (quiet, OverlapTrace(())))
    assert found["false_stops_noise_per_minute"] == pytest.approx(2.0)
    assert found["short_holds_noise"] == 1
    assert found["false_stops_echo_per_minute"] == 0.0
    assert found["echo_minutes"] == 1.0


def test_probabilities_are_compared_with_what_the_event_was() -> None:
    said = OverlapTrace((), tuple(Score(5.0 + 0.08 * i, 0.9) for i in range(30)))
    honest = row((truth(interruptions=(Span(5.0, 8.0),)), said))
    wrong = row((truth(noises=(Span(5.0, 8.0),), alone=(Span(0.0, 9.0),)), said))
    assert honest["interruption_calibration_error"] == pytest.approx(0.1)
    assert wrong["interruption_calibration_error"] == pytest.approx(0.9)


def test_silence_of_the_predictor_means_no_interruption() -> None:
    said = OverlapTrace((), ())
    found = row((truth(noises=(Span(5.0, 8.0),)), said))
    assert found["interruption_calibration_error"] == pytest.approx(0.0)


def test_nothing_recorded_is_nothing_measured() -> None:
    assert set(row().values()) <= {None, 0.0}
    assert row()["backchannel_accuracy_percent"] is None
    assert row()["false_stops_noise_per_minute"] is None


def test_a_hold_that_lasts_is_not_short() -> None:
    alone = truth(noises=(Span(1.0, 2.0),), alone=(Span(0.0, 60.0),))
    holds = (Stop(1.0, 1.5, was_cut=False), Stop(3.0, 65.0, was_cut=False))
    found = row((alone, OverlapTrace(holds)))
    assert (found["short_holds_noise"], found["long_holds_noise"]) == (1, 1)
    assert found["held_noise_s"] == pytest.approx(62.5)
    assert found["stops_and_long_holds_noise_per_minute"] == pytest.approx(1.0)
