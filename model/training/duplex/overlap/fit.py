"""The regression's weights, its operating point, and how good it is on recordings left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from model.duplex.outcomes import Outcome
from model.duplex.overlap_classifier import OUTCOMES
from model.duplex.policy import OverlapPoint
from model.training.duplex.overlap.steps import Step

MOST_CUT = {Outcome.BACKCHANNEL: 0.07, Outcome.NOISE: 0.10}  # how many may take the floor
MOST_RESUMED = 0.20  # of the interruptions, how many may be let go until more is heard
_LEAST_HELD = 0.75  # of the interruptions, how many are held
_N_FOLDS = 5
_DECAY = 3e-3
_LEVELS = np.round(np.arange(0.05, 0.96, 0.01), 2)

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights of all recordings, and probabilities, (n, 3), of each by those of the others."""

    weights: tuple[tuple[float, ...], ...]
    p_left_out: Matrix


def fit(steps: Sequence[Step]) -> Fitted:
    """Fit to ``steps``; the outcomes count the same, however many voices there are of each."""
    seen = np.stack([step.seen for step in steps]).astype(np.float64)
    outcome = np.array([OUTCOMES.index(step.outcome) for step in steps])
    weight = _weights(steps)
    number = np.array([step.voice[0] for step in steps])
    p = np.zeros((len(steps), len(OUTCOMES)))
    for fold in range(_N_FOLDS):
        is_out = number % _N_FOLDS == fold
        fitted = _regression(seen[~is_out], outcome[~is_out], weight[~is_out])
        p[is_out] = _softmax(seen[is_out] @ fitted.T)
    rows = _regression(seen, outcome, weight)
    return Fitted(tuple(tuple(float(w) for w in row) for row in rows), p)


def _weights(steps: Sequence[Step]) -> Matrix:
    voices: dict[tuple[int, float], int] = {}
    for step in steps:
        voices[step.voice] = voices.get(step.voice, 0) + 1
    weights = np.array([step.weight / voices[step.voice] ** 0.5 for step in steps])
    outcomes = np.array([step.outcome for step in steps])
    for outcome in OUTCOMES:
        of_outcome = outcomes == outcome
        weights[of_outcome] /= max(float(weights[of_outcome].sum()), 1e-9)
    return weights


def _regression(seen: Matrix, outcome: npt.NDArray[np.intp], weight: Matrix) -> Matrix:
    """Multinomial logistic regression with decay on standardised inputs; the first is the bias."""
    mean, std = seen.mean(axis=0), seen.std(axis=0)
    std[std < 1e-6] = 1.0
    mean[0], std[0] = 0.0, 1.0
    x = torch.from_numpy((seen - mean) / std)
    y, w = torch.from_numpy(outcome), torch.from_numpy(weight / weight.sum())
    rows = torch.zeros((len(OUTCOMES), seen.shape[1]), dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([rows], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        nats = torch.nn.functional.cross_entropy(x @ rows.T, y, reduction="none")
        total = (w * nats).sum() + _DECAY * (rows[:, 1:] ** 2).sum()
        total.backward()
        return total

    optimizer.step(loss)
    found = rows.detach().numpy() / std
    found[:, 0] -= (found[:, 1:] * mean[1:]).sum(axis=1)
    return found


def _softmax(logits: Matrix) -> Matrix:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def point_of(fitted: Fitted, steps: Sequence[Step]) -> OverlapPoint:
    """Return where voices that want nothing seldom cut, and interruptions are seldom let go."""
    voices = _voices(fitted, steps)
    wanted = [p for p, outcome in voices if outcome is Outcome.INTERRUPTION]
    cut_p = next((level for level in _LEVELS if _seldom_cuts(voices, level)), _LEVELS[-1])
    harmless = np.array([_most_harmless(p, cut_p) for p in wanted])
    resume_p = next(
        (level for level in _LEVELS if (harmless >= level).mean() <= MOST_RESUMED), _LEVELS[-1]
    )
    most = np.array([p[:, 0].max() for p in wanted])
    hold_p = max(
        (level for level in _LEVELS if (most >= level).mean() >= _LEAST_HELD), default=_LEVELS[0]
    )
    return OverlapPoint(
        hold_p=float(min(hold_p, cut_p - 0.05)), cut_p=float(cut_p), resume_p=float(resume_p)
    )


def scores_of(fitted: Fitted, steps: Sequence[Step], point: OverlapPoint) -> Mapping[str, float]:
    """Return how often voices cut at ``point``, on recordings left out."""
    by_outcome = {
        outcome: [p for p, o in _voices(fitted, steps) if o is outcome] for outcome in OUTCOMES
    }
    wanted = by_outcome[Outcome.INTERRUPTION]
    return {
        "interruptions": float(len(wanted)),
        "interruptions_cut": _share(wanted, point.cut_p),
        "interruptions_held": _share(wanted, point.hold_p),
        "backchannels": float(len(by_outcome[Outcome.BACKCHANNEL])),
        "backchannels_cut": _share(by_outcome[Outcome.BACKCHANNEL], point.cut_p),
        "noises": float(len(by_outcome[Outcome.NOISE])),
        "noises_cut": _share(by_outcome[Outcome.NOISE], point.cut_p),
    }


def _seldom_cuts(voices: Sequence[tuple[Matrix, Outcome]], level: float) -> bool:
    return all(
        _share([p for p, outcome in voices if outcome is unwanted], level) <= most
        for unwanted, most in MOST_CUT.items()
    )


def _share(voices: Sequence[Matrix], level: float) -> float:
    return float(np.mean([p[:, 0].max() >= level for p in voices])) if voices else 0.0


def _most_harmless(p: Matrix, cut_p: float) -> float:
    """Return the highest probability of no interruption before the voice cuts."""
    cuts = np.flatnonzero(p[:, 0] >= cut_p)
    before = p[: cuts[0]] if len(cuts) else p
    return float(1.0 - before[:, 0].min()) if len(before) else 0.0


def _voices(fitted: Fitted, steps: Sequence[Step]) -> list[tuple[Matrix, Outcome]]:
    found: dict[tuple[int, float], list[int]] = {}
    for i, step in enumerate(steps):
        found.setdefault(step.voice, []).append(i)
    return [(fitted.p_left_out[rows], steps[rows[0]].outcome) for rows in found.values()]
