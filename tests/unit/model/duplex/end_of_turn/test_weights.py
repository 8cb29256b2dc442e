"""What each kind of evidence adds, and files that hold no weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from model.duplex.end_of_turn.numbers import N_NUMBERS, TurnNumbers, turn_numbers
from model.duplex.end_of_turn.weights import (
    CARD_NAME,
    WEIGHTS_NAME,
    EndOfTurnCard,
    PauseOdds,
    read_end_of_turn,
    weight_shapes,
    write_card,
)
from model.duplex.policy import ENDPOINTING_MODES, EndingPoint, EndOdds
from model.duplex.text_turn_detector import STATE_SIZE
from model.duplex.voice_tracker import Stretch
from model.errors import WeightsError

POINTS = {mode: EndingPoint(1.0, 250.0, 1900.0) for mode in ENDPOINTING_MODES}
CARD = EndOfTurnCard(POINTS, "tune", "python -m something")
NOTHING = EndOdds(0.0, 0.0)


def write(folder: Path, **changes: np.ndarray) -> None:
    made = {name: np.ones(shape, np.float32) for name, shape in weight_shapes().items()}
    safetensors.numpy.save_file({**made, **changes}, folder / WEIGHTS_NAME)
    write_card(folder / CARD_NAME, CARD)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write(tmp_path)
    found = read_end_of_turn(tmp_path)
    assert found.card == CARD
    state = np.full(STATE_SIZE, 0.5, np.float32)
    assert found.words_odds(state).at_reference == pytest.approx(0.5 * STATE_SIZE + 1.0)


def test_words_that_nobody_read_add_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_end_of_turn(tmp_path).words_odds(None) == NOTHING


def test_all_evidence_is_the_sum_of_its_kinds() -> None:
    odds = PauseOdds(EndOdds(1.0, 0.1), EndOdds(2.0, 0.2), EndOdds(-0.5, 0.0), EndOdds(0.5, 0.0))
    assert odds.all.at_reference == pytest.approx(3.0)
    assert odds.all.rise == pytest.approx(0.3)


def test_the_course_of_a_turn_is_a_few_finite_numbers() -> None:
    turn = Stretch(0.0, 0.0)
    for begin_s, end_s in ((0.0, 0.4), (0.7, 1.5), (1.6, 1.7)):
        turn.add_voice(begin_s, end_s)
    numbers = turn_numbers(turn, grammar=-1.5)
    assert numbers == TurnNumbers(
        voice_ms=pytest.approx(1300.0),
        span_ms=pytest.approx(1700.0),
        run_ms=pytest.approx(100.0),
        gap_ms=pytest.approx(100.0),
        n_pauses=1,
        mean_pause_ms=pytest.approx(300.0),
        grammar=-1.5,
    )
    assert numbers.vector().shape == (N_NUMBERS,)
    assert np.isfinite(numbers.vector()).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 7}, "format must be 1"),
        ({"split": "test"}, "split must not be test"),
        ({"points": {"eager": asdict(POINTS["eager"])}}, "points.balanced is missing"),
        (
            {"points": {**{m: asdict(p) for m, p in POINTS.items()},
                        "patient": {"log_odds": 1.0, "shortest_ms": 900.0, "longest_ms": 800.0}}},
            "points.patient.longest_ms must be",
        ),
        ({"points": 3}, "points"),
    ],
)  # fmt: skip
def test_a_bad_card_is_told_in_one_line(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    write(tmp_path)
    card = {**json.loads((tmp_path / CARD_NAME).read_text()), **change}
    (tmp_path / CARD_NAME).write_text(json.dumps(card))
    with pytest.raises(WeightsError) as error:
        read_end_of_turn(tmp_path)
    text = str(error.value).replace(": ", " ")
    assert message in text
    assert "\n" not in text
    assert "restore the file" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"words.weight": np.ones((2, 3), np.float32)}, "words.weight is float32"),
        ({"mood.bias": np.ones(2, np.float32)}, "mood.bias does not belong here"),
    ],
)
def test_bad_weights_are_told_in_one_line(
    tmp_path: Path, changes: dict[str, np.ndarray], message: str
) -> None:
    write(tmp_path, **changes)
    with pytest.raises(WeightsError, match=message):
        read_end_of_turn(tmp_path)


def test_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=CARD_NAME):
        read_end_of_turn(tmp_path)


def test_the_weights_that_ship_wait_longer_the_more_patient_the_mode() -> None:
    points = read_end_of_turn().card.points
    eager, balanced, patient = (points[mode] for mode in ("eager", "balanced", "patient"))
    assert eager.log_odds < balanced.log_odds < patient.log_odds
    assert eager.longest_ms <= balanced.longest_ms <= patient.longest_ms
