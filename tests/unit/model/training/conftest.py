"""A recipe, data and runs so small that a stage takes a second."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

NANO = """
name = "nano"
pattern = [1, 10, 4, 10]

[start.shape]
hidden = 24
mlp = 32
layers = 2
heads = 2
kv_heads = 1
max_positions = 512

[stages]
rows = 4
row_length = 96
saves = 2
steps = 6
rate = 2e-2

[stages.1]
steps = 24

[stages.2]
modules = 1
[stages.3]
modules = 3
[stages.4]
modules = 3
module_rate_factor = 10
weight_decay = 0.1
"""
WORDS = ("good", "morning", "how", "are", "you", "rain", "sun", "today", "blue", "red")


@pytest.fixture(scope="session")
def nano_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "nano.toml"
    path.write_text(NANO, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def text_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JSONL file of conversations without sound."""
    draw = random.Random(0)

    def line() -> str:
        question, answer = (" ".join(draw.choices(WORDS, k=k)) for k in (3, 4))
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return json.dumps({"messages": messages}) + "\n"

    path = tmp_path_factory.mktemp("data") / "text.jsonl"
    path.write_text("".join(line() for _ in range(40)), encoding="utf-8")
    return path


@pytest.fixture
def fresh_accelerate() -> Iterator[None]:
    """accelerate keeps the state of a process: each run of a test begins without."""
    pytest.importorskip("accelerate", reason="the speech-lm extra is not installed")
    import torch  # noqa: PLC0415
    from accelerate.state import AcceleratorState, GradientState  # noqa: PLC0415

    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
