"""Fits the head that tells ends of turns from states of a backbone, which it does not know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from model.duplex.classes import USER_FLOOR, Outcome
from model.training.duplex.backbone_examples import Example
from model.training.duplex.calibration import (
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
)
from model.vita_audio.duplex_head import DuplexHead, HeadShape

_BATCH = 16
_RATE = 1e-3
_WEIGHT_DECAY = 0.05
_DROPOUT = 0.2
_END = USER_FLOOR.index(Outcome.END_OF_TURN)

Logits = npt.NDArray[np.float32]
Truth = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FittedHead:
    """What came out; losses and errors are those of the validation speakers.

    Attributes:
        temperature: fitted on them.
        loss: at that temperature, in nats; ``prior_loss``: of always saying the shares.
        right: share of pauses whose likeliest outcome was true.
    """

    head: DuplexHead
    temperature: float
    loss: float
    prior_loss: float
    right: float
    ece_raw: float
    ece: float
    n_epochs: int


def fit_head(
    train: Sequence[Example],
    val: Sequence[Example],
    *,
    epochs: int,
    patience: int,
    seed: int,
    tell: Callable[[int, float, float], None],
) -> FittedHead:
    """``tell``: number, training loss and validation loss of every epoch."""
    torch.manual_seed(seed)
    head = DuplexHead(HeadShape(train[0].states.shape[1]), _DROPOUT)
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_WEIGHT_DECAY)
    best: tuple[float, int, dict[str, Tensor]] = (float("inf"), 0, {})
    number = 0
    while number < epochs and number - best[1] < patience:
        number += 1
        order = np.random.default_rng([seed, number]).permutation(len(train))
        loss = _epoch(head, [train[i] for i in order], optimizer)
        val_loss = loss_of(head, val)
        if val_loss < best[0]:
            state = {name: tensor.clone() for name, tensor in head.state_dict().items()}
            best = (val_loss, number, state)
        tell(number, loss, val_loss)
    head.load_state_dict(best[2])
    return _judged(head, train, val, number)


def _judged(
    head: DuplexHead, train: Sequence[Example], val: Sequence[Example], n_epochs: int
) -> FittedHead:
    logits, truth = floor_logits(head, val)
    temperature = fit_temperature(logits, truth)
    shares = np.bincount([example.outcome for example in train], minlength=len(USER_FLOOR)) + 1.0
    prior = np.log(shares / shares.sum()).astype(np.float32)
    return FittedHead(
        head,
        temperature,
        loss=negative_log_likelihood(logits, truth, temperature),
        prior_loss=negative_log_likelihood(np.tile(prior, (len(truth), 1)), truth, 1.0),
        right=float(np.mean(logits.argmax(axis=1) == truth)),
        ece_raw=_error(logits, truth, 1.0),
        ece=_error(logits, truth, temperature),
        n_epochs=n_epochs,
    )


def loss_of(head: DuplexHead, examples: Sequence[Example], temperature: float = 1.0) -> float:
    """Mean, in nats."""
    return negative_log_likelihood(*floor_logits(head, examples), temperature)


def floor_logits(head: DuplexHead, examples: Sequence[Example]) -> tuple[Logits, Truth]:
    """(n, 3) of the pauses and (n,) their truth."""
    head.eval()
    with torch.no_grad():
        rows = [
            _last_logits(head, examples[begin : begin + _BATCH])
            for begin in range(0, len(examples), _BATCH)
        ]
    truth = np.array([example.outcome for example in examples], np.int64)
    return torch.cat(rows).numpy(), truth


def _epoch(
    head: DuplexHead, examples: Sequence[Example], optimizer: torch.optim.Optimizer
) -> float:
    head.train()
    total = 0.0
    for begin in range(0, len(examples), _BATCH):
        batch = examples[begin : begin + _BATCH]
        truth = torch.tensor([example.outcome for example in batch])
        loss = functional.cross_entropy(_last_logits(head, batch), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total / len(examples)


def _last_logits(head: DuplexHead, batch: Sequence[Example]) -> Tensor:
    """(b, 3); the layer is causal, so padding behind a turn changes nothing before it."""
    lengths = torch.tensor([len(example.states) for example in batch])
    padded = torch.nn.utils.rnn.pad_sequence(
        [example.states.float() for example in batch], batch_first=True
    )
    logits = head(padded)[torch.arange(len(batch)), lengths - 1]
    return logits[:, list(USER_FLOOR)]


def _error(logits: Logits, truth: Truth, temperature: float) -> float:
    powers = np.exp(logits / temperature - (logits / temperature).max(axis=1, keepdims=True))
    p = powers[:, _END] / powers.sum(axis=1)
    return calibration_error(p, truth == _END)
