from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.duplex.text_turn_detector import HIDDEN_SIZE, STATE_SIZE, TextHead

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.training.duplex.text_head.fit import (  # noqa: E402
    FitOptions,
    LabelledStates,
    fit,
    score,
)

OPTIONS = FitOptions(
    n_hidden_of_expectations=8,
    n_hidden_of_states=8,
    n_epochs=5,
    batch=32,
    learning_rate=1e-2,
    dropout_of_states=0.1,
)


def made_up(n: int, seed: int) -> LabelledStates:
    """Ends are where one hidden value and one expectation are high together."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(n, STATE_SIZE)).astype(np.float32)
    logits = 2 * states[:, 3] + 3 * states[:, HIDDEN_SIZE + 5]
    labels = (rng.random(n) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    return LabelledStates(states, labels, np.ones(n, np.float32))


def unreported(epoch: int, loss: float) -> None:
    """Nobody waits."""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_a_fitted_head_reads_what_it_was_taught(tmp_path: Path) -> None:
    held_out = made_up(500, 2)
    fitted = fit(made_up(1200, 1), held_out, OPTIONS, 7, unreported)
    path = tmp_path / "head.safetensors"
    fitted.save(path)
    found = score(TextHead(path).logits(held_out.states), held_out.labels)
    assert found.auc > 0.75
    assert found.calibration_error < 0.1
    assert found.log_loss == pytest.approx(fitted.validation_loss, rel=0.1)
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_seed_gives_the_same_weights() -> None:
    training, held_out = made_up(400, 1), made_up(100, 2)
    short = replace(OPTIONS, n_epochs=2)
    first, second = (fit(training, held_out, short, 7, unreported) for _ in range(2))
    for name, tensor in first.tensors.items():
        np.testing.assert_array_equal(tensor, second.tensors[name])
