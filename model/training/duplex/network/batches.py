"""Clips packed into batches of equal length, with what the network may have to do without.

Every random choice is drawn from a generator that the caller seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model.duplex.frame_features import N_FEATURES, N_FRAMES, feature_slices
from model.duplex.log_mel import N_MELS
from model.duplex.outcomes import NOT_SCORED
from model.training.duplex.data.dataset import Clip

STEP_MS = 10.0 * N_FRAMES
_SLICES = feature_slices()
_HAS_TURN = _SLICES["turn"].start  # 1 in a turn
_SILENCE_S = _SLICES["turn"].start + 5  # capped at 3 s
_HAS_OVERLAP = _SLICES["overlap"].start  # 1 while a voice over the assistant is followed

# Weights of a step in the loss, relative to an ordinary one.
_EARLY_PAUSE_MS = (200.0, 1200.0)  # where a good detector answers and a bad one interrupts
_EARLY_PAUSE = 4.0
_EARLY_OVERLAP_MS = 480.0
_EARLY_OVERLAP = 4.0
_WHILE_VOICE = 0.1  # that a voice goes on is no news
_NO_VOICE = 0.2  # nothing is followed: hardly anything to decide

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


def silence_ms(features: npt.NDArray[np.float16]) -> Floats:
    """Return the quiet since the turn's last voice, (t,); 0 outside a turn and in a voice."""
    return 1000.0 * features[:, _SILENCE_S].astype(np.float32)


def is_followed(features: npt.NDArray[np.float16]) -> Bools:
    """Return whether a voice over the assistant is open, (t,)."""
    return features[:, _HAS_OVERLAP] > 0.5


def episodes_of(clip: Clip) -> list[Clip]:
    """Cut where the predictor forgets: a reply begins, or is over and nobody spoke."""
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
        )
        for begin, end in pairwise(edges)
    ]
    return [piece for piece in pieces if (piece.outcomes != NOT_SCORED).any()]


def importance(features: npt.NDArray[np.float16], is_overlap: Bools) -> Floats:
    """Return the weight of every step in the loss, (t,).

    It never depends on the outcome, so that it does not bend the probabilities.
    """
    quiet_ms, followed = silence_ms(features), is_followed(features)
    shortest_ms, longest_ms = _EARLY_PAUSE_MS
    has_no_turn, is_voice = features[:, _HAS_TURN] < 0.5, quiet_ms <= 0.0
    is_early = (quiet_ms >= shortest_ms) & (quiet_ms <= longest_ms)
    weights = (_NO_VOICE, _WHILE_VOICE, _EARLY_PAUSE)
    floor = np.select((has_no_turn, is_voice, is_early), weights, 1.0)
    is_early = STEP_MS * ages(followed) <= _EARLY_OVERLAP_MS
    overlap = np.select((~followed, is_early), (_NO_VOICE, _EARLY_OVERLAP), 1.0)
    return np.where(is_overlap, overlap, floor).astype(np.float32)


def ages(flags: Bools) -> npt.NDArray[np.int64]:
    """Return for how many steps each flag has been set, itself included; 0 where it is not."""
    steps = np.arange(1, len(flags) + 1)
    latest_unset = np.maximum.accumulate(np.where(flags, 0, steps)) if len(flags) else steps
    return np.where(flags, steps - latest_unset, 0)


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
        """Return it on a device."""
        moved = (self.features, self.outcomes, self.is_overlap, self.weights)
        return Batch(*(tensor.to(device) for tensor in moved))


def in_order(clips: Sequence[Clip], size: int) -> Iterator[list[Clip]]:
    """Yield batches of all clips, those of like length together."""
    ordered = sorted(clips, key=lambda clip: (clip.n_steps, clip.id))
    for begin in range(0, len(ordered), size):
        yield ordered[begin : begin + size]


def shuffled(clips: Sequence[Clip], size: int, rng: np.random.Generator) -> list[list[Clip]]:
    """Return batches of all clips; neighbours in length stay together, the rest is chance."""
    stretch = np.exp(rng.normal(0.0, 0.1, len(clips)))
    order = np.argsort(np.array([clip.n_steps for clip in clips]) * stretch, kind="stable")
    chosen = [[clips[i] for i in order[j : j + size]] for j in range(0, len(clips), size)]
    return [chosen[i] for i in rng.permutation(len(chosen))]


def pack(clips: Sequence[Clip], marked_weight: float = 1.0) -> Batch:
    """Pack clips; ``marked_weight`` is that of moments that a person complained about."""
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
        weights[row, :end] = importance(clip.features, clip.is_overlap)
        weights[row] *= marked_weight if clip.is_marked else 1.0
    weights[outcomes == NOT_SCORED] = 0.0
    arrays = (features, outcomes, is_overlap, weights)
    return Batch(*(torch.from_numpy(array) for array in arrays))


def disturb(features: Tensor, rng: np.random.Generator) -> None:
    """Change float32 (b, t, N_FEATURES) in place: gain, colour, noise, what is absent."""
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
