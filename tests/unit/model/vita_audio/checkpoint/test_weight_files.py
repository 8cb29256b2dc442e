from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from safetensors.torch import save_file  # noqa: E402

from model.errors import WeightsError  # noqa: E402
from model.vita_audio.checkpoint.weight_files import WeightFiles  # noqa: E402

SHAPES = {"a": (2, 3), "b": (4,)}


@pytest.fixture
def files(tmp_path) -> WeightFiles:
    tensors = {name: torch.full(shape, 7.0) for name, shape in SHAPES.items()}
    save_file(tensors, tmp_path / "model.safetensors")
    return WeightFiles.from_directory(tmp_path)


def test_headers_tell_names_and_shapes(files):
    assert files.shapes == SHAPES
    files.require(SHAPES)


def test_optional_names_may_be_absent(files):
    files.require(SHAPES | {"c": (1,)}, optional=["c"])
    with pytest.raises(WeightsError, match=r"asks for: c$"):
        files.require(SHAPES | {"c": (1,)})


def test_long_lists_are_cut_short(files):
    more = {f"c{index}": (1,) for index in range(9)}
    with pytest.raises(WeightsError, match=r"c0, c1, c2 and 6 more$"):
        files.require(SHAPES | more)


def test_tensors_are_read_one_by_one(files):
    with files.reading() as tensor:
        assert torch.equal(tensor("a"), torch.full((2, 3), 7.0))
