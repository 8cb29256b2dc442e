"""When nobody should stop the assistant."""

from __future__ import annotations

import pytest

from app.evaluation.turn_taking.overlap_scores import truth_of_scene
from model.duplex.labels import FarEnd, OverlapEvent, OverlapScene
from model.duplex.scoring import Span

FAR = FarEnd(((0.5, 4.0), (4.5, 9.0)))


def scene(*events: tuple[str, float, float], far: FarEnd | None = FAR) -> OverlapScene:
    found = tuple(OverlapEvent(kind, onset, end) for kind, onset, end in events)
    return OverlapScene("a", "a.flac", "echo_only", "en", found, far)


def test_its_own_echo_is_the_whole_reply_and_a_tail() -> None:
    truth = truth_of_scene(scene(), 10.0)
    assert truth.alone == (Span(0.5, 9.3),)
    assert truth.alone_s == pytest.approx(8.8)
    assert not truth.is_noisy


def test_the_reply_ends_at_the_interruption() -> None:
    truth = truth_of_scene(scene(("user_interruption", 4.0, 6.0)), 10.0)
    assert truth.alone == (Span(0.5, 3.75),)


def test_backchannels_are_left_out_with_the_time_a_decision_takes() -> None:
    truth = truth_of_scene(scene(("user_backchannel", 4.0, 4.3)), 10.0)
    assert truth.alone == (Span(0.5, 3.75), Span(pytest.approx(5.0), 9.3))


def test_noise_is_no_reason_to_stop() -> None:
    truth = truth_of_scene(scene(("noise_event", 4.0, 4.3)), 10.0)
    assert truth.is_noisy
    assert truth.is_alone(4.1)


def test_without_a_far_end_a_reply_is_heard_on_headphones() -> None:
    truth = truth_of_scene(scene(far=None), 6.0)
    assert (truth.speaking, truth.alone) == (Span(0.0, 6.0), (Span(0.0, 6.0),))


def test_an_interruption_at_the_very_start_leaves_nothing() -> None:
    truth = truth_of_scene(scene(("user_interruption", 0.6, 6.0)), 10.0)
    assert truth.alone == ()
