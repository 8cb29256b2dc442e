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
import safetensors.numpy
import torch
from torch import nn

from model.duplex.expected_words import N_EXPECTATIONS
from model.duplex.text_reader import HIDDEN_SIZE

SCALE_FLOOR = 1e-3


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit; found by the validation loss.

    Expectations carry over to new texts by themselves; hidden states are read through heavy dropout
    and decay, because a few thousand turns can be learned by heart from them.
    """

    n_hidden_of_expectations: int = 64
    n_hidden_of_states: int = 64
    n_epochs: int = 14
    batch: int = 256
    learning_rate: float = 1e-3
    decay_of_expectations: float = 0.02
    decay_of_states: float = 1.0
    dropout_of_expectations: float = 0.3
    dropout_of_states: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class LabelledStates:
    """states (n, STATE_SIZE), labels (n,) of 0 and 1, weights (n,)."""

    states: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]


class _Head(nn.Module):
    """Two networks that see one part of the state each; their log-odds are added."""

    def __init__(self, options: FitOptions) -> None:
        super().__init__()
        self.of_states = nn.Sequential(
            nn.Dropout(options.dropout_of_states),
            nn.Linear(HIDDEN_SIZE, options.n_hidden_of_states),
            nn.ReLU(),
            nn.Dropout(options.dropout_of_states),
            nn.Linear(options.n_hidden_of_states, 1),
        )
        self.of_expectations = nn.Sequential(
            nn.Identity(),
            nn.Linear(N_EXPECTATIONS, options.n_hidden_of_expectations),
            nn.ReLU(),
            nn.Dropout(options.dropout_of_expectations),
            nn.Linear(options.n_hidden_of_expectations, 1),
        )

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        hidden, expected = states[:, :HIDDEN_SIZE], states[:, HIDDEN_SIZE:]
        return (self.of_states(hidden) + self.of_expectations(expected))[:, 0]  # (n,)

    def tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        """Both as one network of two layers."""
        first = torch.block_diag(self.of_states[1].weight, self.of_expectations[1].weight)
        first_bias = torch.cat([self.of_states[1].bias, self.of_expectations[1].bias])
        second = torch.cat([self.of_states[4].weight[0], self.of_expectations[4].weight[0]])
        second_bias = self.of_states[4].bias + self.of_expectations[4].bias
        named = {
            "hidden.weight": first,
            "hidden.bias": first_bias,
            "output.weight": second,
            "output.bias": second_bias,
        }
        return {name: value.detach().numpy().copy() for name, value in named.items()}


@dataclass(frozen=True, slots=True, eq=False)
class FittedHead:
    """Tensors as ``TextHead`` reads them, and the loss on held-out families."""

    tensors: dict[str, npt.NDArray[np.float32]]
    validation_loss: float

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        partial.write_bytes(safetensors.numpy.save(self.tensors))
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
    head = _Head(options)
    groups = [
        {"params": head.of_states.parameters(), "weight_decay": options.decay_of_states},
        {
            "params": head.of_expectations.parameters(),
            "weight_decay": options.decay_of_expectations,
        },
    ]
    optimizer = torch.optim.AdamW(groups, options.learning_rate)
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
    tensors = head.tensors()
    tensors["output.weight"] *= gain
    tensors["output.bias"] *= gain
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
