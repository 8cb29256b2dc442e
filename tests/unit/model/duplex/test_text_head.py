from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from model.duplex.text_turn_detector import DEFAULT_WEIGHTS, STATE_SIZE, TextHead
from model.errors import WeightsError
from tests.fakes.text_encoder import FakeTextEncoder, write_head


def test_the_head_tells_open_texts_from_complete_ones(tmp_path: Path) -> None:
    head = TextHead(write_head(tmp_path / "head.safetensors"))
    reader = FakeTextEncoder("the")
    of_open, of_complete = reader.state("turn off the"), reader.state("turn off the light")
    assert of_open is not None
    assert of_complete is not None
    assert head.logit(of_open) == pytest.approx(-2.0)
    assert head.logit(of_complete) == pytest.approx(2.0)


def test_many_states_give_what_each_gives_alone() -> None:
    head = TextHead(DEFAULT_WEIGHTS)
    states = np.random.default_rng(3).normal(0.0, 3.0, (5, STATE_SIZE)).astype(np.float32)
    alone = [head.logit(state) for state in states]
    assert head.logits(states) == pytest.approx(alone, rel=1e-4, abs=1e-4)


def test_weights_of_another_shape_are_refused_by_name(tmp_path: Path) -> None:
    path = write_head(tmp_path / "head.safetensors")
    tensors = load_file(path)
    save_file({**tensors, "mean": tensors["mean"][:100]}, path)
    with pytest.raises(WeightsError, match=r"head\.safetensors: mean is .*, not float32 \(649,\)"):
        TextHead(path)


@pytest.mark.parametrize("content", [None, b"", b"not weights at all"])
def test_a_file_without_weights_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "head.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"head\.safetensors.*reinstall"):
        TextHead(path)
