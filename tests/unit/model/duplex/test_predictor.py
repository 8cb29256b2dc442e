"""The predictor as a whole: rhythm, determinism, fallbacks, one recorded answer."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from audio_io.frames import AudioFrame
from model.duplex.lexicon import read_lexicons
from model.duplex.predictor import (
    END_OF_TURN_P,
    FirstDuplexPredictor,
    PredictorSettings,
    build_predictor,
)
from model.interfaces import AgentState
from tests.fakes.duplex import FakeTurnClassifier, over_reply, play, predictions, quiet, voice

GOLDEN = Path(__file__).parents[3] / "golden" / "duplex_predictions.json"
SCRIPT = [
    quiet(400),
    voice(600, "What time"),
    quiet(300, "What time"),
    voice(500, "What time is it?"),
    quiet(800, "What time is it?"),
    over_reply(quiet(800)),
    over_reply(voice(300)),
    over_reply(quiet(500)),
    over_reply(voice(800)),
    voice(400, "and also the"),
    quiet(1200, "and also the"),
]


def predictor(p: float = 0.9) -> FirstDuplexPredictor:
    return FirstDuplexPredictor(FakeTurnClassifier(p), read_lexicons())


def test_nothing_is_said_while_nobody_speaks() -> None:
    assert predictions(predictor(), [quiet(2000), over_reply(quiet(2000)), quiet(1000)]) == []


def test_while_undecided_it_speaks_every_80_ms_or_sooner() -> None:
    times = [p.at_s for p in predictions(predictor(), [voice(1000), quiet(450)])]
    assert max(b - a for a, b in pairwise(times)) <= 0.0801


def test_crossing_a_threshold_is_told_in_the_same_frame() -> None:
    said = predictions(predictor(), [voice(1000, "Yes."), quiet(1000, "Yes.")])
    end = next(p for p in said if p.p_end_of_turn >= END_OF_TURN_P)
    assert end.silence_ms == pytest.approx(end.wait_ms, abs=10)


def test_it_falls_silent_long_after_the_end() -> None:
    said = predictions(predictor(), [voice(500), quiet(20_000)])
    assert said[-1].at_s < 6.0


def test_reset_forgets_the_turn() -> None:
    one = predictor()
    predictions(one, [voice(800), quiet(100)])
    one.reset()
    assert predictions(one, [quiet(3000)]) == []


def test_the_same_frames_give_the_same_answers() -> None:
    assert predictions(predictor(), SCRIPT) == predictions(predictor(), SCRIPT)


def test_probabilities_are_probabilities_and_reasons_hold_no_words() -> None:
    for p in predictions(predictor(), SCRIPT):
        for value in (p.p_end_of_turn, p.p_interruption, p.p_backchannel, p.p_noise):
            assert 0.0 <= value <= 1.0
        assert p.p_interruption + p.p_backchannel + p.p_noise <= 1.0 + 1e-9
        assert p.reason
        assert "time" not in p.reason.lower()


def test_frames_of_another_length_change_nothing_but_the_resolution() -> None:
    """A microphone that delivers 20 ms at a time."""
    steps = list(play([quiet(400), voice(800, "Yes."), quiet(1200, "Yes.")]))
    double = predictor()
    ends: list[float] = []
    for (first, _), (second, _) in zip(steps[::2], steps[1::2], strict=True):
        samples = [*first.frame.samples, *second.frame.samples]
        frame = AudioFrame(np.asarray(samples, np.float32), first.frame.start)
        said = double.step(replace(second, frame=frame), AgentState())
        if said is not None and said.p_end_of_turn >= END_OF_TURN_P:
            ends.append(said.at_s)
    single = predictions(predictor(), [quiet(400), voice(800, "Yes."), quiet(1200, "Yes.")])
    expected = next(p.at_s for p in single if p.p_end_of_turn >= END_OF_TURN_P)
    assert ends[0] == pytest.approx(expected, abs=0.021)


def test_inference_time_is_reported_for_the_step_it_happened_in() -> None:
    one = predictor()
    spent = []
    for user, agent in play([voice(500), quiet(300)]):
        one.step(user, agent)
        spent.append(one.last_inference_s)
    assert [s for s in spent if s] == [0.06]


def test_missing_weights_leave_words_and_silence(tmp_path: Path) -> None:
    one = build_predictor(tmp_path)
    assert not one.has_acoustic_model
    said = predictions(one, [voice(800, "Yes."), quiet(1500, "Yes.")])
    assert any(p.p_end_of_turn >= END_OF_TURN_P for p in said)


def test_a_users_own_stop_word_stops() -> None:
    settings = PredictorSettings(extra_stop_words={"en": ("basta",)})
    one = FirstDuplexPredictor(None, read_lexicons(), settings)
    script = [over_reply(quiet(500)), over_reply(voice(300)), over_reply(voice(50, "basta"))]
    assert any(p.is_stop_word for p in predictions(one, script))


def test_predictions_of_a_small_script_are_as_recorded() -> None:
    said = [
        {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(p).items()}
        for p in predictions(predictor(), SCRIPT)
    ]
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert len(said) == len(golden)
    for got, expected in zip(said, golden, strict=True):
        for key, value in expected.items():
            assert got[key] == (
                pytest.approx(value, abs=1e-3) if isinstance(value, float) else value
            )
