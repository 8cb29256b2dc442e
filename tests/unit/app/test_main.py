"""Choices of the composition root."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import main as composition
from app.settings.settings import Settings
from model import catalog
from model.duplex.predictor import TrainedDuplexPredictor
from model.store.manifest import load_weights
from model.store.packages import WeightStore


def store_with(folder: Path, *models: str) -> WeightStore:
    """Files of the right size, and nothing in them."""
    store = WeightStore(folder, load_weights())
    for name in {weight for model in models for weight in catalog.entry(model).weights}:
        path = store.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(store.manifest.named(name).n_bytes)
    return store


@pytest.mark.parametrize(
    ("present", "answers", "used"),
    [
        (("cascade", "cascade-quick"), "standard", "cascade"),
        (("cascade-quick",), "standard", "cascade-quick"),
        (("cascade", "cascade-quick"), "quick", "cascade-quick"),
        (("cascade", "cascade-better"), "better", "cascade-better"),
        ((), "standard", "cascade"),
    ],
)
def test_the_model_is_the_one_whose_weights_are_here(
    tmp_path: Path, present: tuple[str, ...], answers: str, used: str
) -> None:
    settings = Settings().with_value("model", "answers", answers)
    assert composition._model_name(store_with(tmp_path, *present), settings) == used


def test_an_unknown_model_is_bad_input() -> None:
    with pytest.raises(composition.BadInputError, match="cascade-quick"):
        composition.scene_factories("parrot")


def test_pace_limit_and_stop_words_of_the_settings_reach_the_predictor(tmp_path: Path) -> None:
    settings = Settings().with_value("conversation", "endpointing_mode", "patient")
    settings = settings.with_value("conversation", "endpoint_max_wait_ms", 1500)
    settings = settings.with_value("conversation", "extra_stop_words", ("basta",))
    predictor = composition.make_factories(store_with(tmp_path)).predictor(settings)
    assert isinstance(predictor, TrainedDuplexPredictor)
    assert predictor.settings.endpointing_mode == "patient"
    assert predictor.settings.longest_wait_ms == 1500
    assert predictor.settings.extra_stop_words == {"en": ("basta",)}


def test_who_wants_no_preparation_gets_none_of_the_model_either() -> None:
    settings = Settings().with_value("conversation", "speculative", False)
    assert composition._model_options(settings)["prepares"] is False
    assert composition._model_options(Settings())["prepares"] is True
