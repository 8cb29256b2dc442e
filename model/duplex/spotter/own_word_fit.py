"""Fits the head of a word of the user's own over the frozen trunk, in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.duplex.spotter.network import Array
from model.duplex.spotter.own_words import HIDDEN, HISTORY, OwnWord, OwnWordCard, stacked

_N_NEGATIVES = 40_000  # steps that are learnt from at once
_HARD_SHARE = 0.5  # of them, once there is a first head, those that it takes for the word
_ROUNDS = 3
_EPOCHS, _BATCH, _RATE, _DECAY = 12, 256, 2e-3, 1e-3
_NEGATIVE_WEIGHT = 4.0  # of all negatives against all positives: silence is better than alarm

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A session as the trunk heard it.

    Attributes:
        trunk: (n, width).
        is_word: (n,): the word just ended.
        is_asked: (n,): what the other steps say counts as well.
    """

    trunk: Array
    is_word: Flags
    is_asked: Flags


def fit(examples: Sequence[Example], card: OwnWordCard, seed: int = 0) -> OwnWord:
    """Return a head that tells the word from all else in ``examples``."""
    rng = np.random.default_rng(seed)
    rows = [stacked(example.trunk) for example in examples]
    positive = np.concatenate(
        [r[e.is_word[HISTORY - 1 :]] for r, e in zip(rows, examples, strict=True)]
    )
    negative = np.concatenate(
        [r[(e.is_asked & ~e.is_word)[HISTORY - 1 :]] for r, e in zip(rows, examples, strict=True)]
    )
    some = negative[rng.permutation(len(negative))[:_N_NEGATIVES]]
    head = _Head(np.concatenate([positive, some]), rng)
    for number in range(_ROUNDS):
        head.train(positive, _chosen(head, negative, number, rng))
    return OwnWord(card, head.weights)


def _chosen(head: "_Head", negative: Array, number: int, rng: np.random.Generator) -> Array:
    """Return negatives to learn from: any at first, then many that are taken for the word."""
    any_of_them = rng.permutation(len(negative))[:_N_NEGATIVES]
    if not number:
        return negative[any_of_them]
    logits = np.concatenate(
        [head.logits(negative[i : i + 8192]) for i in range(0, len(negative), 8192)]
    )
    n_hard = round(_N_NEGATIVES * _HARD_SHARE)
    hardest = np.argsort(logits)[::-1][:n_hard]
    return negative[np.concatenate([hardest, any_of_them[: _N_NEGATIVES - n_hard]])]


class _Head:
    """Two layers and their Adam (Kingma and Ba 2015)."""

    def __init__(self, rows: Array, rng: np.random.Generator) -> None:
        n = rows.shape[1]
        self._rng = rng
        self._mean, self._std = rows.mean(axis=0), rows.std(axis=0) + np.float32(1e-3)
        self._parameters: list[Array] = [
            rng.normal(0.0, n**-0.5, (HIDDEN, n)).astype(np.float32),
            np.zeros(HIDDEN, np.float32),
            rng.normal(0.0, HIDDEN**-0.5, (1, HIDDEN)).astype(np.float32),
            np.full(1, -2.0, np.float32),
        ]
        self._first = [np.zeros_like(p) for p in self._parameters]
        self._second = [np.zeros_like(p) for p in self._parameters]
        self._n_steps = 0

    @property
    def weights(self) -> dict[str, Array]:
        names = ("hidden.weight", "hidden.bias", "output.weight", "output.bias")
        found = dict(zip(names, self._parameters, strict=True))
        return {"mean": self._mean, "std": self._std, **found}

    def logits(self, rows: Array) -> Array:
        w, b, v, c = self._parameters
        hidden = np.maximum(((rows - self._mean) / self._std) @ w.T + b, np.float32(0.0))
        return (hidden @ v.T + c)[:, 0]

    def train(self, positive: Array, negative: Array) -> None:
        rows = np.concatenate([positive, negative])
        targets = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])
        weights = np.where(targets > 0, 1.0 / len(positive), _NEGATIVE_WEIGHT / len(negative))
        weights *= len(rows) / weights.sum()
        for _ in range(_EPOCHS):
            order = self._rng.permutation(len(rows))
            for i in range(0, len(order), _BATCH):
                some = order[i : i + _BATCH]
                self._step(rows[some], targets[some].astype(np.float32), weights[some])

    def _step(self, rows: Array, targets: Array, weights: npt.NDArray[np.float64]) -> None:
        w, b, v, c = self._parameters
        normal = (rows - self._mean) / self._std
        before = normal @ w.T + b
        hidden = np.maximum(before, np.float32(0.0))
        logits = (hidden @ v.T + c)[:, 0]
        p = 0.5 * np.tanh(0.5 * logits) + 0.5
        slope = ((p - targets) * weights / len(rows)).astype(np.float32)[:, None]
        back = (slope @ v) * (before > 0)
        gradients = [back.T @ normal, back.sum(axis=0), slope.T @ hidden, slope.sum(axis=0)]
        self._n_steps += 1
        for i, gradient in enumerate(gradients):
            self._first[i] = 0.9 * self._first[i] + 0.1 * gradient
            self._second[i] = 0.999 * self._second[i] + 0.001 * gradient**2
            first = self._first[i] / (1.0 - 0.9**self._n_steps)
            second = self._second[i] / (1.0 - 0.999**self._n_steps)
            kept = self._parameters[i] * np.float32(1.0 - _RATE * _DECAY)
            self._parameters[i] = (kept - _RATE * first / (np.sqrt(second) + 1e-8)).astype(
                np.float32
            )
