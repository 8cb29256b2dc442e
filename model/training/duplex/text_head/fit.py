"""Fits the small network over the states of the frozen language model, and scores it.

Scores say how well ends of turns are told from places inside them.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import torch
from torch import nn

from model.duplex.scoring import calibration_error
from model.duplex.text_turn_detector import HIDDEN_SIZE, N_EXPECTATIONS
from model.files.records import read_jsonl
from model.files.whole_file import SHARED, write_atomically
from model.training.duplex.errors import DataError

Array = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Scores:
    """Weighted scores; ``kept`` is the share of holds kept while 90 % of the ends are found."""

    auc: float
    kept: float
    log_loss: float
    calibration_error: float

    @property
    def line(self) -> str:
        """All of them in words."""
        return (
            f"AUC {self.auc:.3f}, holds kept at 90 % of ends {self.kept:.3f}, "
            f"log loss {self.log_loss:.3f}, calibration error {self.calibration_error:.3f}"
        )


def score(logits: Array, labels: Array, weights: Array | None = None) -> Scores:
    """Score log-odds (n,) against labels (n,) of 0 and 1; ``weights`` (n,) are equal by default."""
    weights = np.ones(len(labels)) if weights is None else weights / weights.mean()
    is_end = labels == 1
    order = np.argsort(logits, kind="stable")
    held = np.cumsum(weights[order] * ~is_end[order])
    # Ties count half, so that a score that is always the same gets 0.5.
    _, group, counts = np.unique(logits[order], return_inverse=True, return_counts=True)
    last = np.cumsum(counts) - 1
    before = np.concatenate([[0.0], held[last][:-1]])
    below = (before + held[last])[group] / 2
    ends = weights[order] * is_end[order]
    auc = float((below * ends).sum() / (ends.sum() * held[-1]))
    found = np.cumsum(ends) / ends.sum()
    at = int(np.searchsorted(found, 0.1, side="right"))
    threshold = logits[order][min(at, len(order) - 1)]
    kept = float(weights[~is_end & (logits < threshold)].sum() / weights[~is_end].sum())
    p = 1.0 / (1.0 + np.exp(-logits))
    q = np.clip(np.where(is_end, p, 1.0 - p), 1e-7, None)
    log_loss = float(-(weights * np.log(q)).sum() / weights.sum())
    return Scores(auc, kept, log_loss, calibration_error(p, is_end, weights) or 0.0)


@dataclass(frozen=True, slots=True)
class LabelledText:
    """Words at a moment of a recorded turn; ``kind`` is that of the recording."""

    kind: str
    text: str
    is_end: bool


def labelled_texts(path: Path) -> list[LabelledText]:
    """Read pauses, broken-off ends and true ends of English turns. Raises DataError."""
    found: list[LabelledText] = []
    for _, row in read_jsonl(path, dict[str, Any], DataError):
        if row["lang"] != "en":
            continue
        for event in row["events"]:
            if event["event"] in ("pause", "incomplete_stop"):
                found.append(LabelledText(row["kind"], event["text_so_far"], is_end=False))
            elif event["event"] == "end_of_turn":
                found.append(LabelledText(row["kind"], row["text"], is_end=True))
    return found


def kept_by_kind(
    texts: Sequence[LabelledText], logits: Array, p_found: float = 0.9
) -> dict[str, tuple[int, int]]:
    """Count holds below the threshold that finds ``p_found`` of the ends: kind to (kept, all)."""
    is_end = np.array([text.is_end for text in texts])
    threshold = np.quantile(logits[is_end], 1.0 - p_found, method="lower")
    result: dict[str, tuple[int, int]] = {}
    for text, value in zip(texts, logits, strict=True):
        if not text.is_end:
            kept, n = result.get(text.kind, (0, 0))
            result[text.kind] = (kept + int(value < threshold), n + 1)
    return result


SCALE_FLOOR = 1e-3


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit; chosen by the validation loss.

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
    """States (n, STATE_SIZE) with labels (n,) of 0 and 1 and weights (n,)."""

    states: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]


class _Head(nn.Module):
    """Two networks that see one part of the state each; their log-odds are added."""

    def __init__(self, options: FitOptions) -> None:
        super().__init__()
        p, width = options.dropout_of_states, options.n_hidden_of_states
        self.of_states = _two_layers(HIDDEN_SIZE, width, p, p)
        p, width = options.dropout_of_expectations, options.n_hidden_of_expectations
        self.of_expectations = _two_layers(N_EXPECTATIONS, width, 0.0, p)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        hidden, expected = states[:, :HIDDEN_SIZE], states[:, HIDDEN_SIZE:]
        return (self.of_states(hidden) + self.of_expectations(expected))[:, 0]  # (n,)

    def tensors(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return both as one network of two layers."""
        first = torch.block_diag(self.of_states[1].weight, self.of_expectations[1].weight)
        first_bias = torch.cat([self.of_states[1].bias, self.of_expectations[1].bias])
        second = torch.cat([self.of_states[4].weight[0], self.of_expectations[4].weight[0]])
        second_bias = self.of_states[4].bias + self.of_expectations[4].bias
        tensors = (first, first_bias, second, second_bias)
        names = ("hidden.weight", "hidden.bias", "output.weight", "output.bias")
        return {name: t.detach().numpy().copy() for name, t in zip(names, tensors, strict=True)}


def _two_layers(n_inputs: int, width: int, p_before: float, p_inside: float) -> nn.Sequential:
    first, second = nn.Linear(n_inputs, width), nn.Linear(width, 1)
    return nn.Sequential(nn.Dropout(p_before), first, nn.ReLU(), nn.Dropout(p_inside), second)


@dataclass(frozen=True, slots=True, eq=False)
class FittedHead:
    """Tensors as ``TextHead`` reads them, and the loss on held-out families."""

    tensors: dict[str, npt.NDArray[np.float32]]
    validation_loss: float

    def save(self, path: Path) -> None:
        """Replace the weights at ``path``."""
        write_atomically(path, safetensors.numpy.save(self.tensors), mode=SHARED)


def fit(
    training: LabelledStates,
    validation: LabelledStates,
    options: FitOptions,
    seed: int,
    report: Callable[[int, float], None],
) -> FittedHead:
    """Keep the epoch with the lowest validation loss, and scale its log-odds to be calibrated.

    Args:
        report: called with the epoch and its validation loss.
    """
    torch.manual_seed(seed)
    mean = training.states.mean(0)
    scale = (1.0 / (training.states.std(0) + SCALE_FLOOR)).astype(np.float32)
    inputs, labels, weights = _tensors(training, mean, scale)
    held_inputs, held_labels, held_weights = _tensors(validation, mean, scale)
    head = _Head(options)
    parts = (
        (head.of_states, options.decay_of_states),
        (head.of_expectations, options.decay_of_expectations),
    )
    groups = [{"params": part.parameters(), "weight_decay": decay} for part, decay in parts]
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
    losses = [float(_loss(logits * float(gain), held_labels, held_weights)) for gain in _GAINS]
    gain = np.float32(_GAINS[int(np.argmin(losses))])
    tensors = head.tensors()
    tensors["output.weight"] *= gain
    tensors["output.bias"] *= gain
    return FittedHead({"mean": mean, "scale": scale, **tensors}, best_loss)


def _tensors(
    data: LabelledStates, mean: npt.NDArray[np.float32], scale: npt.NDArray[np.float32]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    arrays = ((data.states - mean) * scale, data.labels, data.weights / data.weights.mean())
    inputs, labels, weights = map(torch.from_numpy, arrays)
    return inputs, labels, weights


def _loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    losses = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return (losses * weights).sum() / weights.sum()


_GAINS = np.geomspace(0.3, 3.0, 60)  # one over the temperature
