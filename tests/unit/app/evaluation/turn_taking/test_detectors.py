"""What each detector says of the same listening."""

from __future__ import annotations

import numpy as np
import pytest

from app.evaluation.turn_taking.detectors import (
    AnyTimer,
    PredictorDetector,
    PublicNetwork,
    SilenceTimer,
    VoiceActivityAlone,
)
from app.evaluation.turn_taking.predictor_run import StepCost
from app.evaluation.turn_taking.silences import silences
from audio_io.frames import ENGINE_RATE_HZ, Samples, UserFrame
from model.duplex.offline import Listener, Listening
from model.types import AgentState, DuplexPrediction
from tests.fakes.bench import LevelVad, SubtractingCanceller
from tests.fakes.duplex import FakeTurnClassifier


def sound(*parts: tuple[float, float]) -> Samples:
    """Noise of (seconds, amplitude) after each other."""
    rng = np.random.default_rng(3)
    noises = [a * rng.standard_normal(int(s * ENGINE_RATE_HZ)) for s, a in parts]
    return np.concatenate(noises).astype(np.float32)


@pytest.fixture
def turn() -> Listening:
    """Voice from 0.5 to 1.5 and from 2.5 to 3.3 s, quiet until 7."""
    quiet, loud = 1e-4, 0.1
    mic = sound((0.5, quiet), (1.0, loud), (1.0, quiet), (0.8, loud), (3.7, quiet))
    return Listener(LevelVad, SubtractingCanceller).hear(mic)


class Scripted:
    """Says the end has come after ``wait_ms`` of quiet, and why in numbers."""

    last_inference_s = 0.0

    def __init__(self, wait_ms: float) -> None:
        self._wait_ms = wait_ms
        self._quiet_ms = 0.0
        self._has_voice = False

    def step(self, user: UserFrame, agent: AgentState) -> DuplexPrediction | None:
        is_voice = user.p_speech > 0.5
        self._has_voice |= is_voice
        self._quiet_ms = 0.0 if is_voice else self._quiet_ms + 10.0
        if agent.is_speaking:
            p = 0.9 if is_voice else 0.0
            return DuplexPrediction(user.clean.end_s, p_interruption=p)
        if not self._has_voice:
            return None
        is_over = self._quiet_ms >= self._wait_ms
        return DuplexPrediction(
            user.clean.end_s,
            p_end_of_turn=float(is_over),
            inputs=(("network_end_of_turn", 0.3),),
        )

    def reset(self) -> None:
        self._has_voice = False


def test_a_predictor_starts_over_after_each_end(turn: Listening) -> None:
    detector = PredictorDetector("ours", lambda: Scripted(500.0), 7)
    trace = detector.hear_turn(turn, silences(turn.frames))
    assert trace.ends == (pytest.approx(2.05, abs=0.06), pytest.approx(3.85, abs=0.06))
    (scores,) = trace.scores
    assert {score.p for score in scores} == {0.3}


def test_a_predictor_stops_the_reply_while_it_speaks(turn: Listening) -> None:
    detector = PredictorDetector("ours", lambda: Scripted(500.0), 7)
    trace = detector.hear_overlap(turn, lambda at_s: at_s > 2.0)
    (stop,) = trace.stops
    assert stop.was_cut
    assert stop.decided_s == pytest.approx(2.5, abs=0.06)
    assert trace.scores is not None
    assert max(score.p for score in trace.scores) == 0.9


def test_the_cost_of_a_predictor_is_counted_per_80_ms(turn: Listening) -> None:
    detector = PredictorDetector("ours", lambda: Scripted(500.0), 7)
    assert detector.cost.mean_step_ms is None
    detector.hear_turn(turn, ())
    assert len(detector.cost.frames_s) == len(turn.frames)
    assert detector.cost.mean_step_ms is not None


def test_step_costs_add_up_eight_frames() -> None:
    cost = StepCost([0.001] * 16)
    assert cost.mean_step_ms == pytest.approx(8.0)
    assert cost.p99_step_ms == pytest.approx(8.0)
    assert cost.core_percent == pytest.approx(10.0)


def test_timers_end_where_they_are_set_to(turn: Listening) -> None:
    found = silences(turn.frames)
    short, long = (SilenceTimer(wait_s).hear_turn(turn, found) for wait_s in (0.5, 1.6))
    assert short.ends == (pytest.approx(2.0, abs=0.06), pytest.approx(3.8, abs=0.06))
    assert long.ends == (pytest.approx(4.9, abs=0.06),)
    assert SilenceTimer(0.5).hear_overlap(turn, lambda _: True) is None
    assert AnyTimer().hear_turn(turn, found).ends is None


def test_voice_activity_alone_ends_at_the_segmenters_end(turn: Listening) -> None:
    trace = VoiceActivityAlone().hear_turn(turn, silences(turn.frames))
    assert trace.ends == (pytest.approx(1.66, abs=0.06), pytest.approx(3.46, abs=0.06))
    stops = VoiceActivityAlone().hear_overlap(turn, lambda _: True).stops
    assert [stop.decided_s for stop in stops] == [
        pytest.approx(0.7, abs=0.06),
        pytest.approx(2.7, abs=0.06),
    ]


def test_the_public_network_answers_once_or_waits_three_seconds(turn: Listening) -> None:
    found = silences(turn.frames)
    sure = PublicNetwork(FakeTurnClassifier(0.9)).hear_turn(turn, found)
    assert sure.ends == (pytest.approx(1.75, abs=0.1), pytest.approx(3.55, abs=0.1))
    unsure = PublicNetwork(FakeTurnClassifier(0.1)).hear_turn(turn, found)
    assert unsure.ends == (pytest.approx(6.3, abs=0.1),)
    once, again = unsure.scores
    assert (len(once), len(again)) == (2, 5)  # the pause is over before a third question


def test_the_public_network_hears_the_turn_and_nothing_before(turn: Listening) -> None:
    classifier = FakeTurnClassifier(0.9)
    PublicNetwork(classifier).hear_turn(turn, silences(turn.frames))
    first = next(iter(classifier.heard))
    assert first / ENGINE_RATE_HZ == pytest.approx(1.7, abs=0.1)  # lead, voice, 0.2 s of quiet
    assert PublicNetwork(classifier).hear_turn(turn, ()).ends == ()
