from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from model.catalog import DEFAULT_MODEL, build, catalog, entry
from model.errors import ModelError

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_default_comes_first_and_names_are_unique() -> None:
    names = [e.name for e in catalog()]
    assert names[0] == DEFAULT_MODEL
    assert len(set(names)) == len(names)


def test_every_weight_is_in_the_manifest() -> None:
    manifest = tomllib.loads((REPOSITORY / "resources" / "weights.toml").read_text("utf-8"))
    known = {weight["name"] for weight in manifest["weight"]}
    assert {name for e in catalog() for name in e.weights} <= known


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"parrot.*cascade.*scripted"):
        entry("parrot")


def test_building_does_not_load(tmp_path: Path) -> None:
    assert build("cascade", tmp_path).name == "cascade"


def test_a_model_without_its_weights_names_the_file(tmp_path: Path) -> None:
    model = build("cascade", tmp_path)
    with pytest.raises(ModelError, match=str(tmp_path)):
        model.load(lambda _: None)
    model.close()


def test_listing_the_models_imports_no_engine() -> None:
    code = (
        "import sys; import model.catalog as c; c.catalog(); "
        "sys.exit(any(m in sys.modules for m in ('onnxruntime', 'xllamacpp', 'hibari', 'torch')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
