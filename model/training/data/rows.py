"""Conversations one after the other in rows of a given length.

Each begins at position 0 and learns nothing from the one before it. Knows neither tensors nor the
order in which conversations come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model.training.data.sample_encoder import IGNORED, EncodedSample, Features
from model.vita_audio.conversation.prompts import AudioSpan


class Packing(StrEnum):
    """What may share a row.

    Attributes:
        SOURCE: samples of one source, as upstream.
        JOINT: all samples.
        SINGLE: nothing.
    """

    SOURCE = "source"
    JOINT = "joint"
    SINGLE = "single"


@dataclass(frozen=True, slots=True)
class PackedRow:
    """One row.

    Attributes:
        ids: (n,) int64; ``labels`` and ``positions`` alike.
        positions: count on within a conversation, and through the padding behind the last one.
        borders: (samples + 1,) where each conversation begins, and where the last one ends.
        spans: places of continuous audio in the row.
        features: (t, 560) of each.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    positions: NDArray[np.int64]
    borders: NDArray[np.int64]
    spans: tuple[AudioSpan, ...] = ()
    features: tuple[Features, ...] = ()

    @property
    def n_targets(self) -> int:
        """Tokens whose prediction is learnt by the backbone."""
        return int((self.labels != IGNORED).sum())


def pack(samples: Sequence[EncodedSample], pad_id: int, padded_to: int | None = None) -> PackedRow:
    """Puts ``samples``, at least one, into a row.

    Args:
        padded_to: length of the row; None: as long as its samples.
    """
    borders = np.cumsum([0, *map(len, samples)], dtype=np.int64)
    n_tokens = int(borders[-1])
    n_padding = 0 if padded_to is None else padded_to - n_tokens
    lengths = [len(sample) for sample in samples]
    lengths[-1] += n_padding
    labels = np.concatenate([sample.labels for sample in samples])
    # A conversation's first token follows another conversation, which says nothing about it.
    labels[borders[:-1]] = IGNORED
    spans = [
        AudioSpan(int(begin) + span.start, span.n_positions)
        for begin, sample in zip(borders[:-1], samples, strict=True)
        for span in sample.spans
    ]
    return PackedRow(
        ids=_extended([sample.ids for sample in samples], n_padding, pad_id),
        labels=_extended([labels], n_padding, IGNORED),
        positions=np.concatenate([np.arange(length, dtype=np.int64) for length in lengths]),
        borders=borders,
        spans=tuple(spans),
        features=tuple(features for sample in samples for features in sample.features),
    )


def _extended(parts: list[NDArray[np.int64]], n_padding: int, value: int) -> NDArray[np.int64]:
    return np.concatenate([*parts, np.full(n_padding, value, np.int64)])
