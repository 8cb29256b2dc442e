"""Fits the small network over the states of the frozen language model.

Knows arrays only: no texts, no files but the weights it writes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import save_file
from torch import nn

SCALE_FLOOR = 1e-3


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit; found by the validation loss."""

    n_hidden: int = 64
    n_epochs: int = 14
    batch: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    input_dropout: float = 0.1
    dropout: float = 0.4
    noise: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class LabelledStates:
    """states (n, 576), labels (n,) of 0 and 1, weights (n,)."""

    states: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]


class _Head(nn.Module):
    def __init__(self, n_in: int, options: FitOptions) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_in, options.n_hidden)
        self.output = nn.Linear(options.n_hidden, 1)
        self.drop_input = nn.Dropout(options.input_dropout)
        self.drop = nn.Dropout(options.dropout)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        hidden = torch.relu(self.hidden(self.drop_input(states)))
        return self.output(self.drop(hidden))[:, 0]  # (n,)


@dataclass(frozen=True, slots=True, eq=False)
class FittedHead:
    """Tensors as ``TextHead`` reads them, and the loss on held-out families."""

    tensors: dict[str, npt.NDArray[np.float32]]
    validation_loss: float

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        save_file(self.tensors, partial)
        partial.replace(path)


def fit(
    training: LabelledStates,
    validation: LabelledStates,
    options: FitOptions,
    seed: int,
    report: Callable[[int, float], None],
) -> FittedHead:
    """Keeps the epoch with the lowest validation loss, then scales its log-odds to be calibrated.

    Args:
        report: called with the epoch and its validation loss.
    """
    torch.manual_seed(seed)
    mean = training.states.mean(0)
    scale = (1.0 / (training.states.std(0) + SCALE_FLOOR)).astype(np.float32)
    inputs, labels, weights = _tensors(training, mean, scale)
    held_inputs, held_labels, held_weights = _tensors(validation, mean, scale)
    head = _Head(inputs.shape[1], options)
    optimizer = torch.optim.AdamW(
        head.parameters(), options.learning_rate, weight_decay=options.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.n_epochs)
    best, best_loss = copy.deepcopy(head.state_dict()), float("inf")
    for epoch in range(options.n_epochs):
        head.train()
        for batch in torch.randperm(len(labels)).split(options.batch):
            optimizer.zero_grad()
            _loss(head(inputs[batch]), labels[batch], weights[batch]).backward()
            optimizer.step()
        schedule.step()
        head.eval()
        with torch.no_grad():
            loss = float(_loss(head(held_inputs), held_labels, held_weights))
        report(epoch, loss)
        if loss < best_loss:
            best, best_loss = copy.deepcopy(head.state_dict()), loss
    head.load_state_dict(best)
    with torch.no_grad():
        logits = head(held_inputs)
    gain = _calibrated_gain(logits, held_labels, held_weights)
    tensors = {name: value.numpy() for name, value in best.items()}
    tensors["output.weight"] = tensors["output.weight"][0] * gain
    tensors["output.bias"] = tensors["output.bias"] * gain
    return FittedHead({"mean": mean, "scale": scale, **tensors}, best_loss)


def _tensors(
    data: LabelledStates, mean: npt.NDArray[np.float32], scale: npt.NDArray[np.float32]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    weights = data.weights / data.weights.mean()
    return (
        torch.from_numpy((data.states - mean) * scale),
        torch.from_numpy(data.labels),
        torch.from_numpy(weights),
    )


def _loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    losses = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return (losses * weights).sum() / weights.sum()


_GAINS = np.geomspace(0.3, 3.0, 60)


def _calibrated_gain(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> np.float32:
    """One over the temperature."""
    losses = [float(_loss(logits * float(gain), labels, weights)) for gain in _GAINS]
    return np.float32(_GAINS[int(np.argmin(losses))])
