"""Hold, cut, resume: on predictions written by hand."""

from __future__ import annotations

import pytest

from app.evaluation.turn_taking.predictor_run import Predicted
from app.evaluation.turn_taking.silences import Stop, StopRules, plain_trigger
from model.duplex.offline import Listening
from model.types import DuplexPrediction
from tests.fakes.bench import heard_voice


def stops(**by_time: DuplexPrediction) -> list[Stop]:
    """A voice throughout; predictions by hundredths of a second (``t120``: at 1.2 s)."""
    frames = heard_voice((3.0, True))
    rules = StopRules()
    found: list[Stop | None] = []
    for heard in frames:
        now_s = heard.user.clean.end_s
        prediction = by_time.get(f"t{round(100 * now_s)}")
        said = None if prediction is None else Predicted(prediction, now_s)
        found.append(rules.take(heard, said))
    found.append(rules.close(Listening(frames)))
    return [stop for stop in found if stop is not None]


HOLD = DuplexPrediction(0.0, p_interruption=0.6)
CUT = DuplexPrediction(0.0, p_interruption=0.9)
HARMLESS = DuplexPrediction(0.0, p_interruption=0.1, p_backchannel=0.8)
STOP_WORD = DuplexPrediction(0.0, is_stop_word=True)


def test_a_hold_that_becomes_a_cut_went_silent_at_the_hold() -> None:
    assert stops(t100=HOLD, t140=CUT) == [Stop(pytest.approx(1.0), pytest.approx(1.4), True)]


def test_a_held_reply_goes_on_when_it_was_harmless() -> None:
    assert stops(t100=HOLD, t130=HARMLESS) == [Stop(pytest.approx(1.0), pytest.approx(1.3), False)]


def test_a_stop_word_cuts_at_once_and_a_reply_is_cut_only_once() -> None:
    assert stops(t100=STOP_WORD, t120=CUT, t140=CUT) == [
        Stop(pytest.approx(1.0), pytest.approx(1.0), True)
    ]


def test_a_hold_that_nothing_comes_of_lasts_to_the_end() -> None:
    assert stops(t100=HOLD) == [Stop(pytest.approx(1.0), pytest.approx(3.0), False)]


def test_nothing_said_stops_nothing() -> None:
    assert stops(t100=HARMLESS) == []


def test_192_ms_of_voice_pull_the_plain_trigger_once_a_stretch() -> None:
    frames = heard_voice((1.0, False), (0.5, True), (0.4, False), (0.1, True), (0.4, False))
    (stop,) = plain_trigger(frames, lambda _: True)
    assert (stop.decided_s, stop.was_cut) == (pytest.approx(1.2), True)


def test_the_plain_trigger_needs_a_reply_to_stop() -> None:
    assert list(plain_trigger(heard_voice((1.0, True)), lambda _: False)) == []
