"""Which steps of a clip decide something, told by the features alone.

The importance of a step never depends on its outcome, so that it does not bend the probabilities.
Knows no network.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from model.duplex.classes import NOT_SCORED
from model.duplex.features import N_FRAMES, feature_slices
from model.training.duplex.dataset import Clip

STEP_MS = 10.0 * N_FRAMES
_SLICES = feature_slices()
_HAS_TURN = _SLICES["turn"].start  # 1 in a turn
_SILENCE_S = _SLICES["turn"].start + 5  # capped at 3 s
_HAS_OVERLAP = _SLICES["overlap"].start  # 1 while a voice over the assistant is followed

# Of a step in the loss, relative to an ordinary one.
_EARLY_PAUSE_MS = (200.0, 1200.0)  # where a good judge answers and a bad one interrupts
_EARLY_PAUSE = 4.0
_EARLY_OVERLAP_MS = 480.0
_EARLY_OVERLAP = 4.0
_WHILE_VOICE = 0.1  # that a voice goes on is no news
_NO_VOICE = 0.2  # nothing is followed: hardly anything to judge

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


def silence_ms(features: npt.NDArray[np.float16]) -> Floats:
    """Quiet since the turn's last voice, (t,); 0 outside a turn and while a voice lasts."""
    return 1000.0 * features[:, _SILENCE_S].astype(np.float32)


def is_followed(features: npt.NDArray[np.float16]) -> Bools:
    """Whether a voice over the assistant is open, (t,)."""
    return features[:, _HAS_OVERLAP] > 0.5


def episodes_of(clip: Clip) -> list[Clip]:
    """Pieces before which the predictor forgets: a reply begins, or is over and nobody spoke."""
    was = np.concatenate([clip.is_overlap[:1], clip.is_overlap[:-1]])
    in_turn = clip.features[:, _HAS_TURN] > 0.5
    begins = np.flatnonzero((clip.is_overlap != was) & (clip.is_overlap | ~in_turn))
    edges = [0, *(int(begin) for begin in begins), clip.n_steps]
    pieces = [
        replace(
            clip,
            id=f"{clip.id}#{begin}",
            features=clip.features[begin:end],
            outcomes=clip.outcomes[begin:end],
            is_overlap=clip.is_overlap[begin:end],
            weights=clip.weights[begin:end],
        )
        for begin, end in pairwise(edges)
    ]
    return [piece for piece in pieces if (piece.outcomes != NOT_SCORED).any()]


def importance(features: npt.NDArray[np.float16], is_overlap: Bools) -> Floats:
    """Weight of every step in the loss, (t,)."""
    floor = _of_floor(features)
    return np.where(is_overlap, _of_overlap(is_followed(features)), floor).astype(np.float32)


def _of_floor(features: npt.NDArray[np.float16]) -> Floats:
    quiet_ms = silence_ms(features)
    weights = np.ones(len(features), np.float32)
    shortest_ms, longest_ms = _EARLY_PAUSE_MS
    weights[(quiet_ms >= shortest_ms) & (quiet_ms <= longest_ms)] = _EARLY_PAUSE
    weights[quiet_ms <= 0.0] = _WHILE_VOICE
    weights[features[:, _HAS_TURN] < 0.5] = _NO_VOICE
    return weights


def _of_overlap(followed: Bools) -> Floats:
    age_ms = STEP_MS * ages(followed)
    weights = np.where(followed, 1.0, _NO_VOICE).astype(np.float32)
    weights[followed & (age_ms <= _EARLY_OVERLAP_MS)] = _EARLY_OVERLAP
    return weights


def ages(flags: Bools) -> npt.NDArray[np.int64]:
    """How many steps in a row each flag has been set, itself included; 0 where it is not."""
    steps = np.arange(1, len(flags) + 1)
    latest_unset = np.maximum.accumulate(np.where(flags, 0, steps)) if len(flags) else steps
    return np.where(flags, steps - latest_unset, 0)


def runs(flags: Bools) -> list[slice]:
    """Stretches in which ``flags`` are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
