from __future__ import annotations

from pathlib import Path

import pytest

from model.training.recipe import TrainingError, read_recipe

CONFIGURATIONS = Path(__file__).resolve().parents[4] / "model" / "training" / "configurations"


@pytest.mark.parametrize("path", sorted(CONFIGURATIONS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_configuration_can_be_read(path):
    recipe = read_recipe(path)
    assert [stage.modules for stage in recipe.stages.values()] == [0, 1, 10, 10]


def test_published_stages_are_those_of_the_paper():
    stages = list(read_recipe(CONFIGURATIONS / "7b.toml").stages.values())
    assert [stage.rate for stage in stages] == [6e-5, 1e-3, 1e-3, 5e-5]
    assert [stage.steps for stage in stages] == [8000, 4000, 8000, 4000]
    assert [stage.weight_decay for stage in stages] == [0.0, 0.0, 0.0, 0.1]
    assert [stage.row_length for stage in stages] == [8192, 8192, 8192, 2048]
    assert [stage.module_rate_factor for stage in stages] == [1.0, 1.0, 1.0, 10.0]
    assert {(stage.rows, stage.warm_up, stage.floor) for stage in stages} == {(128, 0.03, 0.1)}


def test_single_values_can_be_changed(nano_recipe):
    recipe = read_recipe(
        nano_recipe, ("stages.2.steps=3", "stages.rows=8", "name=other", "pattern=[1, 4]")
    )
    assert [stage.steps for stage in recipe.stages.values()] == [24, 3, 6, 6]
    assert {stage.rows for stage in recipe.stages.values()} == {8}
    assert (recipe.name, recipe.pattern) == ("other", (1, 4))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (("stages.1.stepps=3",), r"stages\.1\.stepps: is unknown; known are rate, steps"),
        (("stages.1.steps=many",), "steps: must be a whole number .*, got 'many'"),
        (("stages.1.steps=0",), r"stages\.1\.steps: must be a whole number of at least 1"),
        (("stages.3.rate=0.0",), r"stages\.3\.rate: must be a number above 0"),
        (("pattern=[1, 10, 4]",), r"pattern: needs pairs of counts, got \[1, 10, 4\]"),
        (("start.backbone=Qwen",), r"start: needs either backbone or \[start\.shape\]"),
        (("precision.weights=bfloat16",), "weights: bfloat16 needs compute"),
        (("precision.compute=fp8",), "compute: must be one of no, bf16, got 'fp8'"),
        (("stages.1=5",), r"stages: needs \[stages\.1\]"),
        (("name.first=a",), "name is a value, not a section"),
        (("steps",), "'steps' is no change; write it as stages.2.steps=100"),
    ],
)
def test_wrong_values_are_named_with_the_file(nano_recipe, changes, reason):
    with pytest.raises(TrainingError, match=reason):
        read_recipe(nano_recipe, changes)


def test_missing_and_damaged_recipes_are_named(tmp_path):
    with pytest.raises(TrainingError, match=r"none\.toml: is missing"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = [", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"bad\.toml: cannot be read"):
        read_recipe(tmp_path / "bad.toml")
    (tmp_path / "bare.toml").write_text('name = "x"\npattern = [1, 10]\n', encoding="utf-8")
    with pytest.raises(TrainingError, match=r"stages: needs \[stages\.1\] to \[stages\.4\]"):
        read_recipe(tmp_path / "bare.toml")
