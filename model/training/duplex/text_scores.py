"""How well a score tells ends from places inside a turn. Pure numpy; knows no model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

_BINS = 10
_NEWTON_STEPS = 25
_RIDGE = 1e-3

Array = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Scores:
    """Weighted. ``kept`` is the share of holds kept while 90 % of the ends are found."""

    auc: float
    kept: float
    log_loss: float
    calibration_error: float

    @property
    def line(self) -> str:
        return (
            f"AUC {self.auc:.3f}, holds kept at 90 % of ends {self.kept:.3f}, "
            f"log loss {self.log_loss:.3f}, calibration error {self.calibration_error:.3f}"
        )


def score(logits: Array, labels: Array, weights: Array | None = None) -> Scores:
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
    return Scores(auc, kept, log_loss, _calibration_error(p, is_end, weights))


def _calibration_error(p: Array, is_end: npt.NDArray[np.bool_], weights: Array) -> float:
    bins = np.minimum((p * _BINS).astype(int), _BINS - 1)
    error = 0.0
    for i in range(_BINS):
        inside = bins == i
        mass = weights[inside].sum()
        if mass > 0:
            gap = (weights[inside] * (p[inside] - is_end[inside])).sum() / mass
            error += abs(gap) * mass / weights.sum()
    return float(error)


def stacked(columns: Array, labels: Array, weights: Array) -> npt.NDArray[np.float64]:
    """Coefficients of a logistic regression, (n_columns + 1,), the last one the bias."""
    x = np.column_stack([columns, np.ones(len(columns))])
    weights = weights / weights.mean()
    w = np.zeros(x.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = 1.0 / (1.0 + np.exp(-(x @ w)))
        gradient = x.T @ (weights * (p - labels)) + _RIDGE * w
        hessian = (x * (weights * p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(len(w))
        w -= np.linalg.solve(hessian, gradient)
    return w


@dataclass(frozen=True, slots=True)
class LabelledText:
    """Words at a moment of a recorded turn. ``kind`` is that of the recording."""

    kind: str
    text: str
    is_end: bool


def labelled_texts(path: Path) -> list[LabelledText]:
    """Pauses, broken-off ends and true ends of English turns (``labels.jsonl``)."""
    found: list[LabelledText] = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["lang"] != "en":
            continue
        for event in row["events"]:
            if event["event"] in ("pause", "incomplete_stop"):
                found.append(LabelledText(row["kind"], event["text_so_far"], is_end=False))
            elif event["event"] == "end_of_turn":
                found.append(LabelledText(row["kind"], row["text"], is_end=True))
    return found


def kept_by_kind(
    texts: Sequence[LabelledText], logits: Iterable[float], p_found: float = 0.9
) -> dict[str, tuple[int, int]]:
    """Holds below the threshold that finds ``p_found`` of the ends: kind to (kept, all)."""
    values = np.array(list(logits))
    is_end = np.array([text.is_end for text in texts])
    threshold = np.quantile(values[is_end], 1.0 - p_found, method="lower")
    result: dict[str, tuple[int, int]] = {}
    for text, value in zip(texts, values, strict=True):
        if not text.is_end:
            kept, n = result.get(text.kind, (0, 0))
            result[text.kind] = (kept + int(value < threshold), n + 1)
    return result
