"""Evidence of the recogniser in the predictor: of this pause only, beside all other rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from audio_io.frames import EndEvidence
from model.duplex.end_of_turn.weights import EndOfTurnCard, EndOfTurnWeights, weight_shapes
from model.duplex.lexicon import read_lexicons
from model.duplex.policy import (
    END_P,
    ENDPOINTING_MODES,
    EVIDENCE_WAIT_MS,
    EndingPoint,
    Thresholds,
)
from model.duplex.predictor import PredictorSettings, TrainedDuplexPredictor
from model.types import DuplexPrediction
from tests.fakes.duplex import CARD, RuleNetwork, Stretch, play, quiet, voice

POINT = EndingPoint(log_odds=0.0, shortest_ms=250.0, longest_ms=1900.0)
ENDINGS = EndOfTurnWeights(
    EndOfTurnCard(dict.fromkeys(ENDPOINTING_MODES, POINT), "tune", "made up"),
    {name: np.zeros(shape, np.float32) for name, shape in weight_shapes().items()},
)
SURE, DOUBT = 6.0, -6.0


def predictor(settings: PredictorSettings | None = None) -> TrainedDuplexPredictor:
    return TrainedDuplexPredictor(RuleNetwork(), CARD, read_lexicons(), settings, endings=ENDINGS)


def heard(
    one: TrainedDuplexPredictor,
    script: Sequence[Stretch],
    *evidence: tuple[float, EndEvidence],
    has_asked: bool = False,
) -> list[DuplexPrediction]:
    """Play ``script``; each of ``evidence`` is there from its second on."""
    said: list[DuplexPrediction] = []
    for user, agent in play(script):
        there = [e for at_s, e in evidence if at_s <= user.clean.end_s]
        told = replace(user, ending=there[-1] if there else None)
        found = one.step(told, replace(agent, has_asked=has_asked))
        if found is not None:
            said.append(found)
    return said


def end_ms(said: Sequence[DuplexPrediction], threshold_p: float = END_P) -> float | None:
    return next((p.silence_ms for p in said if p.p_end_of_turn >= threshold_p), None)


def at(second: float, log_odds: float, heard_s: float | None = None) -> tuple[float, EndEvidence]:
    return second, EndEvidence(log_odds, 0.0, second - 0.1 if heard_s is None else heard_s)


SCRIPT = [voice(1000, "so and the"), quiet(3600, "so and the")]  # the network waits for more


def test_a_sure_end_is_taken_as_soon_as_the_evidence_is_there() -> None:
    assert end_ms(heard(predictor(), SCRIPT, at(1.4, SURE))) == pytest.approx(400.0, abs=11.0)
    assert end_ms(heard(predictor(), SCRIPT, at(1.1, SURE))) == pytest.approx(250.0, abs=11.0)


def test_a_doubtful_end_waits_for_the_timer_whatever_the_network_says() -> None:
    assert end_ms(heard(predictor(), SCRIPT, at(1.2, DOUBT))) == pytest.approx(1900.0, abs=11.0)


def test_evidence_of_an_earlier_pause_says_nothing_about_this_one() -> None:
    script = [voice(600, "so"), quiet(400, "so"), *SCRIPT]
    early = at(0.8, SURE, heard_s=0.4)  # of a word that the voice outran
    assert end_ms(heard(predictor(), script, early)) == pytest.approx(1900.0, abs=11.0)
    late = at(2.6, SURE, heard_s=2.1)
    assert end_ms(heard(predictor(), script, early, late)) == pytest.approx(600.0, abs=11.0)


def test_who_has_judged_pauses_before_has_time_for_this_one() -> None:
    script = [voice(1500, "It is late."), quiet(2500, "It is late.")]
    without = end_ms(heard(predictor(), script))
    known = end_ms(heard(predictor(), script, at(0.3, SURE)))
    assert without is not None
    assert without < EVIDENCE_WAIT_MS
    assert known == pytest.approx(EVIDENCE_WAIT_MS, abs=11.0)


def test_a_higher_threshold_waits_longer() -> None:
    waits: list[float] = []
    for p in (0.2, 0.5, 0.8, 0.95):
        settings = PredictorSettings(thresholds=Thresholds(end_p=p))
        wait_ms = end_ms(heard(predictor(settings), SCRIPT, at(1.2, 0.5)), p)
        assert wait_ms is not None
        waits.append(wait_ms)
    assert waits == sorted(waits)
    assert len(set(waits)) == len(waits)


def test_a_few_words_that_answer_our_question_are_an_answer() -> None:
    script = [voice(1000, "Tomorrow."), quiet(2500, "Tomorrow.")]
    evidence = at(1.2, -0.5)
    waits = [
        end_ms(heard(predictor(), script, evidence, has_asked=asked)) for asked in (False, True)
    ]
    assert waits[1] is not None
    assert waits[0] is not None
    assert waits[1] < waits[0] - 100.0
    numbers = [voice(1000, "My number is"), quiet(2500, "My number is")]
    both = [end_ms(heard(predictor(), numbers, evidence, has_asked=a)) for a in (False, True)]
    assert both[0] == both[1]


def test_reasons_name_who_said_so() -> None:
    said = heard(predictor(), SCRIPT, at(1.2, SURE))
    assert any(p.reason == "the recogniser heard the sentence end" for p in said)
    assert any(
        p.reason.startswith("words ask for more")
        for p in heard(predictor(), SCRIPT, at(1.2, DOUBT))
    )
    whole = [voice(1000, "It is late."), quiet(2500, "It is late.")]
    said = heard(predictor(), whole, at(1.2, DOUBT))
    assert any(p.reason == "the recogniser heard the sentence go on" for p in said)
    assert said[-1].reason == "silent for too long"
    assert {"heard_log_odds", "all_log_odds"} <= {name for name, _ in said[-1].inputs}
