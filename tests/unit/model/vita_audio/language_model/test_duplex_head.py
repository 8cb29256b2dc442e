# ruff: noqa: E402  what is imported below needs torch
from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.errors import WeightsError
from model.vita_audio.language_model.duplex_head import (
    DuplexHead,
    EndOfTurnDetector,
    HeadShape,
    read_head,
    write_head,
)

WIDTH = 24


@pytest.fixture
def head() -> DuplexHead:
    torch.manual_seed(0)
    return DuplexHead(HeadShape(WIDTH, width=16, n_heads=2, inner=32)).eval()


def test_a_code_sees_only_what_was_heard_before_it(head: DuplexHead) -> None:
    states = torch.randn(1, 40, WIDTH)
    whole = head(states)
    for n in (1, 7, 39):
        assert torch.allclose(head(states[:, :n]), whole[:, :n], atol=1e-6)


def test_what_was_heard_before_matters(head: DuplexHead) -> None:
    states = torch.randn(1, 10, WIDTH)
    other = torch.cat([torch.randn(1, 9, WIDTH), states[:, 9:]], dim=1)
    assert not torch.allclose(head(states)[:, -1], head(other)[:, -1], atol=1e-4)


def test_a_head_comes_back_from_its_file(head: DuplexHead, tmp_path: Path) -> None:
    write_head(tmp_path / "head.safetensors", head, 1.5)
    states = torch.randn(12, WIDTH)
    read = read_head(tmp_path / "head.safetensors", WIDTH).p_end_of_turn(states)
    assert read == pytest.approx(EndOfTurnDetector(head, 1.5).p_end_of_turn(states), abs=1e-6)
    assert 0.0 < read < 1.0
    unsure = EndOfTurnDetector(head, 100.0).p_end_of_turn(states)
    assert unsure == pytest.approx(1 / 3, abs=0.02), "of three outcomes"


def test_a_head_of_another_model_is_refused(head: DuplexHead, tmp_path: Path) -> None:
    write_head(tmp_path / "head.safetensors", head, 1.0)
    with pytest.raises(WeightsError, match=r"reads states of width 24 and the model's have 32"):
        read_head(tmp_path / "head.safetensors", 32)


@pytest.mark.parametrize("content", [b"", b"x" * 300])
def test_a_damaged_head_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "head.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="restore the file or train it again"):
        read_head(tmp_path / "head.safetensors", WIDTH)
