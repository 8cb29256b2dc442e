"""Clips packed into batches of equal length, with what the network may have to do without.

Every random choice is drawn from a generator that the caller seeds; knows no loss and no network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.duplex.classes import NOT_SCORED
from model.duplex.features import N_FEATURES, feature_slices
from model.duplex.log_mel import N_MELS
from model.training.duplex.dataset import Clip
from model.training.duplex.moments import importance

_SLICES = feature_slices()
# What an installation may lack, and how often a clip is heard without it.
_ABSENT = (
    (("text_head",), 0.25),
    (("smart_turn",), 0.25),
    (("far_mel",), 0.25),
    (("transcript", "punctuation", "grammar", "overlap_words", "text_head"), 0.1),
)
_GAIN_DB = 8.0  # a microphone turned up or down this much
_DB_PER_MEL = 25.0  # the spectra are in log10 of power, divided by 2.5
_DB_PER_LEVEL = 30.0
_N_NEAR_LEVELS = 2  # of the group "levels": peak and mean of the clean signal
_BAND_SPREAD = 0.08  # of a random colouring, in the spectra's unit: 2 dB
_NOISE_SPREAD = 0.05
_MOST_MASKED_BANDS = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Clips side by side.

    Attributes:
        features: float32 (b, t, N_FEATURES).
        outcomes: int64 (b, t); NOT_SCORED beyond a clip's end.
        is_overlap: bool (b, t).
        weights: float32 (b, t); 0 where nothing is scored.
    """

    features: Tensor
    outcomes: Tensor
    is_overlap: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> Batch:
        moved = (self.features, self.outcomes, self.is_overlap, self.weights)
        return Batch(*(tensor.to(device) for tensor in moved))


def in_order(clips: Sequence[Clip], size: int) -> Iterator[list[Clip]]:
    """All clips once, those of like length together."""
    ordered = sorted(clips, key=lambda clip: (clip.n_steps, clip.id))
    for begin in range(0, len(ordered), size):
        yield ordered[begin : begin + size]


def shuffled(clips: Sequence[Clip], size: int, rng: np.random.Generator) -> list[list[Clip]]:
    """All clips once; neighbours in length stay together, the rest is chance."""
    stretch = np.exp(rng.normal(0.0, 0.1, len(clips)))
    order = np.argsort(np.array([clip.n_steps for clip in clips]) * stretch, kind="stable")
    chosen = [[clips[i] for i in order[j : j + size]] for j in range(0, len(clips), size)]
    return [chosen[i] for i in rng.permutation(len(chosen))]


def pack(clips: Sequence[Clip], marked_weight: float = 1.0) -> Batch:
    """``marked_weight``: of moments that a person complained about."""
    n_steps = max(clip.n_steps for clip in clips)
    features = np.zeros((len(clips), n_steps, N_FEATURES), np.float32)
    outcomes = np.full((len(clips), n_steps), NOT_SCORED, np.int64)
    is_overlap = np.zeros((len(clips), n_steps), np.bool_)
    weights = np.zeros((len(clips), n_steps), np.float32)
    for row, clip in enumerate(clips):
        end = clip.n_steps
        features[row, :end] = clip.features
        outcomes[row, :end] = clip.outcomes
        is_overlap[row, :end] = clip.is_overlap
        importances = importance(clip.features, clip.is_overlap) * clip.weights
        weights[row, :end] = importances * (marked_weight if clip.is_marked else 1.0)
    weights[outcomes == NOT_SCORED] = 0.0
    arrays = (features, outcomes, is_overlap, weights)
    return Batch(*(torch.from_numpy(array) for array in arrays))


def disturb(features: Tensor, rng: np.random.Generator) -> None:
    """Changes float32 (b, t, N_FEATURES) in place: gain, colour, noise, what is absent."""
    n_clips, n_steps, _ = features.shape
    mel = features[..., _SLICES["mel"]].view(n_clips, n_steps, -1, N_MELS)
    gains_db = rng.uniform(-_GAIN_DB, _GAIN_DB, n_clips)
    colour = rng.normal(0.0, _BAND_SPREAD, (n_clips, 1, 1, N_MELS))
    shift = colour + (gains_db / _DB_PER_MEL)[:, None, None, None]
    mel += torch.from_numpy(shift.astype(np.float32))
    mel += _NOISE_SPREAD * torch.from_numpy(rng.standard_normal(mel.shape, np.float32))
    near = _SLICES["levels"].start
    levels = features[..., near : near + _N_NEAR_LEVELS]
    levels += torch.from_numpy((gains_db / _DB_PER_LEVEL).astype(np.float32))[:, None, None]
    for clip in range(n_clips):
        n_bands = int(rng.integers(0, _MOST_MASKED_BANDS + 1))
        first = int(rng.integers(0, N_MELS - n_bands + 1))
        mel[clip, :, :, first : first + n_bands] = 0.0
        for groups, p in _ABSENT:
            if rng.random() < p:
                for group in groups:
                    features[clip, :, _SLICES[group]] = 0.0
