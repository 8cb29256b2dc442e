"""What predictors are made of, and what is said when something of it is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from model.duplex.lexicon import DEFAULT_FOLDER
from model.duplex.policy import END_P
from model.duplex.predictor_factory import CARD_NAME, NETWORK_NAME, PredictorFactory
from model.errors import WeightsError
from tests.fakes.duplex import predictions, quiet, voice


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_FOLDER, tmp_path / "duplex"))


def test_without_the_slow_detectors_turns_still_end(tmp_path: Path) -> None:
    factory = PredictorFactory(tmp_path)
    assert factory.classifier() is None
    assert factory.scorer() is None
    said = predictions(factory.predictor(), [voice(800, "Yes."), quiet(3500, "Yes.")])
    assert any(p.p_end_of_turn >= END_P for p in said)


def test_weights_for_other_features_are_refused_in_one_line(folder: Path) -> None:
    path = folder / CARD_NAME
    card = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**card, "features_hash": "0" * 16}), encoding="utf-8")
    with pytest.raises(WeightsError, match="features_hash") as caught:
        PredictorFactory(folder, folder)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_network_is_named(folder: Path) -> None:
    (folder / NETWORK_NAME).unlink()
    with pytest.raises(WeightsError, match=NETWORK_NAME):
        PredictorFactory(folder, folder)


def test_a_detector_whose_weights_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "smart-turn-v3.2-cpu.onnx").write_bytes(b"not a network")
    with pytest.raises(WeightsError, match="smart-turn"):
        PredictorFactory(folder, folder).classifier()


def test_predictors_share_weights_and_nothing_else(tmp_path: Path) -> None:
    factory = PredictorFactory(tmp_path)
    script = [voice(800, "Yes."), quiet(800, "Yes.")]
    first, second = factory.predictor(), factory.predictor()
    assert predictions(first, script) == predictions(second, script)
