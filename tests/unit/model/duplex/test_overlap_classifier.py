"""What is weighed of a voice over the reply, and how its weights are kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from model.duplex.lexicon import read_lexicons
from model.duplex.outcomes import Outcome
from model.duplex.overlap_classifier import (
    FEATURES,
    OverlapCard,
    OverlapClassifier,
    SpottedVoice,
    read_overlap_classifier,
    write_overlap_card,
)
from model.duplex.policy import CUT_P, HOLD_P, RESUME_P, OverlapPoint
from model.duplex.predictor import TrainedDuplexPredictor
from model.duplex.spotter.card import SpotterThresholds
from model.errors import WeightsError
from model.types import DuplexPrediction
from tests.fakes.duplex import (
    CARD,
    RuleNetwork,
    over_reply,
    play,
    predictions,
    quiet,
    spotted,
    voice,
)

THRESHOLDS = SpotterThresholds(
    duck_p=0.5, stop_p=0.9, acknowledgement_p=0.5, voice_p=0.5, set_by="made up"
)


def row(**weights: float) -> tuple[float, ...]:
    return tuple(weights.get(name, 0.0) for name in FEATURES)


EARS_ONLY = OverlapCard(
    features=FEATURES,
    weights=(row(speech=2.0, one=-1.0), row(acknowledgement=1.5, one=1.0), row()),
    point=OverlapPoint(0.4, 0.65, 0.6),
)
"""Takes speech for an interruption unless the spotter heard an acknowledgement."""


def predictor() -> TrainedDuplexPredictor:
    return TrainedDuplexPredictor(
        RuleNetwork(),
        CARD,
        read_lexicons(),
        overlap_classifier=OverlapClassifier(EARS_ONLY),
        spotter=THRESHOLDS,
    )


def said(*stretches: object) -> list[DuplexPrediction]:
    return predictions(predictor(), [over_reply(quiet(1000)), *stretches])  # type: ignore[list-item]


def test_a_short_unknown_word_takes_the_floor() -> None:
    word = spotted(over_reply(voice(280)), p_speech=0.95)
    after = spotted(over_reply(quiet(400)), p_echo=0.9)
    assert max(p.p_interruption for p in said(word, after)) >= CUT_P


def test_an_acknowledgement_that_was_heard_lets_the_reply_go_on() -> None:
    word = spotted(over_reply(voice(280)), p_speech=0.3, p_acknowledgement=0.65)
    after = spotted(over_reply(quiet(400)), p_echo=0.9)
    heard = said(word, after)
    assert max(p.p_interruption for p in heard) < CUT_P
    assert max(p.p_backchannel for p in heard) >= RESUME_P


@pytest.mark.parametrize(("p_stop", "stops"), [(0.85, False), (0.91, True)])
def test_a_stop_word_that_was_spotted_stops_by_itself(p_stop: float, stops: bool) -> None:
    word = spotted(over_reply(voice(120)), p_stop=p_stop)
    assert any(p.is_stop_word for p in said(word)) is stops


def test_what_may_be_a_stop_word_holds_the_reply_until_it_is_let_go() -> None:
    word = spotted(over_reply(voice(200)), p_stop=0.6, p_acknowledgement=0.3)
    heard = said(word, spotted(over_reply(quiet(900)), p_echo=0.9))
    assert max(p.p_interruption for p in heard) == pytest.approx(HOLD_P)
    assert not any(p.is_stop_word for p in heard)
    assert max(heard[-1].p_backchannel, heard[-1].p_noise) >= RESUME_P


def test_a_stop_word_of_the_last_voice_stops_nothing_in_the_next() -> None:
    word = spotted(over_reply(voice(120)), p_stop=0.95)
    later = [
        spotted(over_reply(quiet(2000)), p_echo=0.9),
        spotted(over_reply(voice(120)), p_speech=0.9),
    ]
    assert not said(word, *later)[-1].is_stop_word


def test_a_decision_counts_once_however_many_frames_carry_it() -> None:
    voices = SpottedVoice()
    for user, _ in play([spotted(over_reply(voice(200)), p_speech=0.5)]):
        voices.hear(user)
    assert voices.speech_ms == pytest.approx(0.5 * (200 - 40), abs=20.1)
    assert voices.heard_ms == pytest.approx(200)
    assert voices.detector_p == pytest.approx(0.95)
    assert voices.detector_ms == pytest.approx(0.95 * 200)


def test_probabilities_are_of_an_overlap_and_sum_to_one() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        p = OverlapClassifier(EARS_ONLY).probabilities(rng.normal(0, 9, len(FEATURES)))
        assert p.sum() == pytest.approx(1.0)
        assert p[Outcome.END_OF_TURN] == p[Outcome.HOLD] == 0.0


def test_weights_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_overlap_card(tmp_path / "overlap.json", EARS_ONLY)
    assert read_overlap_classifier(tmp_path / "overlap.json").card == EARS_ONLY


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 9, "format: must be 1, got 9"),
        ("features", ["one"], "features: the weights were trained for other features"),
        ("weights", [[0.0]], "weights: must be 3 rows of"),
        ("weights", "none", "weights"),
        ("point", {"hold_p": 0.7, "cut_p": 0.6, "resume_p": 0.6}, "point: must be probabilities"),
    ],
)
def test_a_broken_card_is_named_in_one_line(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    path = tmp_path / "overlap.json"
    path.write_text(json.dumps(asdict(EARS_ONLY) | {key: value}))
    with pytest.raises(WeightsError) as error:
        read_overlap_classifier(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
