"""Choices of the composition root."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import main as composition
from app.settings import Settings
from model import catalog
from model.weights import WeightStore, default_manifest
from model.weights_manifest import load_manifest


def store_with(folder: Path, *models: str) -> WeightStore:
    """Files of the right size, and nothing in them."""
    store = WeightStore(folder, load_manifest(default_manifest()))
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
        composition.scene_parts("parrot")
