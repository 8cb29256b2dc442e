"""Weights that are learnt say the same in the program as they did in training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from audio_io.frames import frozen
from model.cascade.turn_endings import Ending, read_endings, vector_size
from model.duplex.end_of_turn.numbers import TurnNumbers
from model.duplex.end_of_turn.weights import (
    CARD_NAME,
    WEIGHTS_NAME,
    EndOfTurnCard,
    read_end_of_turn,
    write_card,
)
from model.duplex.policy import ENDPOINTING_MODES, EndingPoint, EndOdds
from model.duplex.scoring import Hold, TurnTruth
from model.duplex.text_turn_detector import STATE_SIZE
from model.training.duplex.end_of_turn.decisions import Promise, ScoredTurn, best_points, score
from model.training.duplex.end_of_turn.learning_set import JudgedTurn, Outcome, outcome_of
from model.training.duplex.end_of_turn.pauses import Pause
from model.training.duplex.end_of_turn.regression import EndRegression, Example

WIDTHS = {"en": 416, "zh": 256}


def pause(seed: int, *, is_end: bool, language: str | None = "en", seconds: float = 0.9) -> Pause:
    rng = np.random.default_rng(seed)
    ending, state = None, None
    if language is not None:
        vector = rng.normal(size=vector_size(WIDTHS[language])).astype(np.float32)
        vector[:40] += 2.0 * is_end
        ending = Ending(language, vector, 1.0)
    if language == "en":
        state = rng.normal(size=STATE_SIZE).astype(np.float32)
    return Pause(
        start_s=1.0,
        seconds=np.inf if is_end else seconds,
        numbers=TurnNumbers(1000.0 + seed, 1200.0, 500.0, 200.0, seed % 3, 250.0, 0.1 * seed),
        sound=frozen(np.zeros(4, np.float32)),
        text="",
        ending=ending,
        state=state,
    )


def examples(n: int) -> list[Example]:
    found: list[Example] = []
    for seed in range(n):
        is_end = seed % 2 == 0
        language = "zh" if seed % 5 == 0 else "en"
        made = pause(seed, is_end=is_end, language=language)
        found.append(Example(made, Outcome.END if is_end else Outcome.HOLD))
    return found


def test_it_learns_what_tells_ends_from_pauses() -> None:
    regression = EndRegression(examples(200))
    at, _ = regression.odds([pause(1000 + i, is_end=i % 2 == 0) for i in range(40)])
    assert at[::2].mean() > at[1::2].mean() + 1.0


def test_the_program_adds_up_what_training_found(tmp_path: Path) -> None:
    regression = EndRegression(examples(240))
    safetensors.numpy.save_file(dict(regression.tensors()), tmp_path / WEIGHTS_NAME)
    points = dict.fromkeys(ENDPOINTING_MODES, EndingPoint(1.0, 250.0, 1900.0))
    write_card(tmp_path / CARD_NAME, EndOfTurnCard(points, "tune", "made up"))
    weights, reader = read_end_of_turn(tmp_path), read_endings(tmp_path / WEIGHTS_NAME)
    for asked in (pause(7, is_end=True), pause(8, is_end=False, language="zh")):
        at, rise = regression.odds([asked])
        assert asked.ending is not None
        heard = reader.read(asked.ending)
        assert heard is not None
        words, turn = weights.words_odds(asked.state), weights.turn_odds(asked.numbers)
        total = heard.log_odds + words.at_reference + turn.at_reference
        assert total == pytest.approx(at[0], abs=1e-3)
        assert heard.rise + words.rise + turn.rise == pytest.approx(rise[0], abs=1e-3)


def turn(end_s: float | None, pauses: list[Pause], holds: tuple[Hold, ...] = ()) -> JudgedTurn:
    truth = TurnTruth("en", holds, end_s, 3.0, 6.0)
    return JudgedTurn("a", "recorded", "somebody", "tune", "none", truth, tuple(pauses))


def silence(start_s: float, seconds: float) -> Pause:
    made = pause(1, is_end=False)
    return Pause(start_s, seconds, made.numbers, made.sound, "", None, None)


def test_what_came_of_a_pause() -> None:
    whole, broken = (TurnTruth("en", (), end_s, 3.0, 6.0) for end_s in (3.0, None))
    assert outcome_of(silence(1.0, 0.5), whole) is Outcome.HOLD
    assert outcome_of(silence(3.1, np.inf), whole) is Outcome.END
    assert outcome_of(silence(3.1, np.inf), broken) is Outcome.BROKEN
    assert outcome_of(silence(2.6, np.inf), whole) is Outcome.END  # its last word was not heard


def test_decisions_are_scored_like_the_bench_does() -> None:
    hold = Hold(1.0, 2.0, is_inserted=True)
    one = ScoredTurn(
        turn(3.0, [silence(1.0, 1.0), silence(3.0, np.inf)], (hold,)),
        (EndOdds(-9.0, 0.0), EndOdds(9.0, 0.0)),
    )
    good = score([one], EndingPoint(0.0, 400.0, 1900.0))
    assert (good.cut, good.n_missed) == (0.0, 0)
    assert good.mean_s == pytest.approx(0.4)
    hasty = score([one], EndingPoint(-9.5, 400.0, 1900.0))
    assert (hasty.inserted, hasty.natural) == (1.0, 0.0)


def test_a_mode_gets_the_quickest_point_within_its_promise() -> None:
    hold = Hold(1.0, 2.0)
    turns = [
        ScoredTurn(
            turn(3.0, [silence(1.0, 1.0), silence(3.0, np.inf)], (hold,)),
            (EndOdds(0.1 * i - 1.0, 0.0), EndOdds(0.1 * i + 1.0, 0.0)),
        )
        for i in range(20)
    ]
    promises = {
        "strict": Promise(0.0, 0.0, 250.0, 1900.0),
        "lax": Promise(0.5, 0.5, 250.0, 1900.0),
    }
    found = best_points(turns, promises)
    assert found["strict"].natural == 0.0
    assert found["lax"].natural <= 0.5
    assert found["lax"].mean_s < found["strict"].mean_s
