# ruff: noqa: E402  what is imported below needs torch
from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.errors import WeightsError
from model.vita_audio.decoding.state_trace import StateTrace
from model.vita_audio.language_model.duplex_head import (
    DuplexHead,
    HeadShape,
    TurnJudge,
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
    assert read == pytest.approx(TurnJudge(head, 1.5).p_end_of_turn(states), abs=1e-6)
    assert 0.0 < read < 1.0
    assert abs(TurnJudge(head, 100.0).p_end_of_turn(states) - 1 / 3) < 0.02  # of three outcomes


def test_a_head_of_another_model_is_refused(head: DuplexHead, tmp_path: Path) -> None:
    write_head(tmp_path / "head.safetensors", head, 1.0)
    with pytest.raises(WeightsError, match=r"reads states of width 24 and the model's have 32"):
        read_head(tmp_path / "head.safetensors", 32)


@pytest.mark.parametrize("content", [b"", b"x" * 300])
def test_a_damaged_head_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "head.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="restore the file or train it again"):
        read_head(tmp_path / "head.safetensors", WIDTH)


def numbered(start: int, n: int) -> torch.Tensor:
    return torch.arange(start, start + n, dtype=torch.float32)[None, :, None]


def test_a_trace_gives_the_states_of_a_span() -> None:
    trace = StateTrace()
    trace.put(0, numbered(0, 5))
    trace.put(5, numbered(5, 3))
    window = trace.window(3, 7)
    assert window is not None
    assert window[:, 0].tolist() == [3, 4, 5, 6]
    assert trace.window(3, 9) is None


def test_what_is_rewritten_is_forgotten_with_all_behind_it() -> None:
    trace = StateTrace()
    trace.put(0, numbered(0, 8))
    trace.put(4, numbered(104, 2))
    window = trace.window(2, 6)
    assert window is not None
    assert window[:, 0].tolist() == [2, 3, 104, 105]
    trace.crop(5)
    assert trace.window(2, 6) is None
    trace.crop(0)
    assert trace.window(0, 1) is None


def test_a_trace_with_a_gap_gives_nothing_before_it() -> None:
    trace = StateTrace()
    trace.put(0, numbered(0, 4))
    trace.put(9, numbered(9, 2))
    assert trace.window(0, 4) is None
    assert trace.window(9, 11) is not None


def test_a_trace_keeps_the_newest_only() -> None:
    trace = StateTrace(longest=10)
    for start in range(0, 100, 5):
        trace.put(start, numbered(start, 5))
    assert trace.window(90, 100) is not None
    assert trace.window(80, 100) is None
