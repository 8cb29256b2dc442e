"""A folder of labelled clips in which the right answer can be learnt within seconds.

In a pause the text head says whether the turn is over; over the assistant the word list says
whether it is a backchannel, and without a voice there is nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from model.duplex.frame_features import N_FEATURES, feature_slices, table_hash
from model.duplex.outcomes import NOT_SCORED, Outcome
from model.training.duplex.data.dataset import CLIPS, TABLE
from model.training.duplex.data.heard_clips import ClipInfo

_SLICES = feature_slices()
_N_VOICE, _N_PAUSE = 10, 15  # steps of 80 ms
_OF_SPLIT = {"train": 48, "val": 24}

Row = dict[str, npt.NDArray[np.generic]]


def write_clips(folder: Path, seed: int = 0, *, is_marked: bool = False) -> Path:
    """Writes 72 clips of 2 s, half of them with pauses, half with overlaps; returns ``folder``."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    tensors: Row = {}
    for split, n in _OF_SPLIT.items():
        for index in range(n):
            name = f"{split}-{index:03d}"
            clip = _pause(rng, index // 2) if index % 2 == 0 else _overlap(rng, index // 2)
            tensors |= {f"{name}.{key}": value for key, value in clip.items()}
            source = "marked" if is_marked and index == 0 else "made"
            info = ClipInfo(name, split, "toy", "en", source, "nobody", "CC0", 2.0, seed)
            lines.append(json.dumps(asdict(info)))
    (folder / CLIPS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / TABLE).write_text(json.dumps({"hash": table_hash()}), encoding="utf-8")
    (folder / "shard-000.safetensors").write_bytes(safetensors.numpy.save(tensors))
    return folder


def _noise(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    features = np.zeros((_N_VOICE + _N_PAUSE, N_FEATURES), np.float32)
    features[:, _SLICES["mel"]] = rng.normal(0.0, 0.3, (len(features), 320))
    return features


def _pause(rng: np.random.Generator, index: int) -> Row:
    features, is_end = _noise(rng), index % 2 == 0
    turn, text = _SLICES["turn"].start, _SLICES["text_head"].start
    features[:, turn] = 1.0
    features[_N_VOICE:, turn + 5] = 0.08 * np.arange(1, _N_PAUSE + 1)
    says = (1.0 if is_end else -1.0) + rng.normal(0.0, 0.4)
    features[_N_VOICE:, text : text + 2] = (says, 1.0)
    outcomes = np.full(len(features), Outcome.HOLD, np.int8)
    if is_end:
        outcomes[_N_VOICE:] = Outcome.END_OF_TURN
    return _clip(features, outcomes, is_overlap=False)


def _overlap(rng: np.random.Generator, index: int) -> Row:
    features = _noise(rng)
    kind = (Outcome.INTERRUPTION, Outcome.BACKCHANNEL, Outcome.NOISE)[index % 3]
    overlap, words = _SLICES["overlap"].start, _SLICES["overlap_words"].start
    features[:, _SLICES["agent"].start] = 1.0
    outcomes = np.full(len(features), Outcome.NOISE, np.int8)
    outcomes[:2] = NOT_SCORED
    if kind is not Outcome.NOISE:
        features[_N_VOICE:, overlap] = 1.0
        column = words if kind is Outcome.BACKCHANNEL else words + 1
        features[_N_VOICE + 3 :, column] = 1.0
        outcomes[_N_VOICE:] = kind
    return _clip(features, outcomes, is_overlap=True)


def _clip(
    features: npt.NDArray[np.float32], outcomes: npt.NDArray[np.int8], *, is_overlap: bool
) -> Row:
    return {
        "features": features.astype(np.float16),
        "outcomes": outcomes,
        "is_overlap": np.full(len(outcomes), is_overlap, np.uint8),
    }
