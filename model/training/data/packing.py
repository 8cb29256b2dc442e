"""Conversations one after the other in a row of tokens, as tensors for the training forward.

Each conversation begins at position 0 and learns nothing from the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.training.data.sample_encoder import IGNORED, EncodedSample


@dataclass(frozen=True, slots=True)
class PackedRow:
    """A batch of one row.

    Attributes:
        input_ids: (1, n) int64; ``labels`` and ``position_ids`` alike.
        labels: not shifted; −100 where nothing is learnt.
        position_ids: count on within a conversation, and through the padding behind the last one.
        borders: where each conversation begins, and where the last one ends.
        audios: (t, 560) float32 features of each recording that a user speaks; Plus only.
        audio_indices: (2, 1, t + 4) int64 of each: its row, 0, and its places in it.
    """

    input_ids: Tensor
    labels: Tensor
    position_ids: Tensor
    borders: tuple[int, ...]
    audios: tuple[Tensor, ...] = ()
    audio_indices: tuple[Tensor, ...] = ()

    @property
    def n_targets(self) -> int:
        """Return the number of tokens whose prediction the backbone learns."""
        return int((self.labels != IGNORED).sum())

    @property
    def n_tokens(self) -> int:
        """Return the number of tokens without padding."""
        return self.borders[-1]

    def to(self, device: torch.device | str) -> PackedRow:
        """Return the same row on ``device``."""
        moved = partial(Tensor.to, device=device, non_blocking=True)
        return PackedRow(
            moved(self.input_ids),
            moved(self.labels),
            moved(self.position_ids),
            self.borders,
            tuple(map(moved, self.audios)),
            tuple(map(moved, self.audio_indices)),
        )

    def inputs(self) -> dict[str, Any]:
        """Return the arguments of the network's ``forward``."""
        names = ("input_ids", "position_ids", "labels", "audios", "audio_indices")
        return {name: getattr(self, name) for name in names}


def pack(samples: Sequence[EncodedSample], pad_id: int, padded_to: int | None = None) -> PackedRow:
    """Put ``samples``, at least one, into a row.

    Args:
        padded_to: length of the row; None: as long as its samples.
    """
    lengths = [len(sample) for sample in samples]
    borders = [0, *np.cumsum(lengths).tolist()]
    n_padding = 0 if padded_to is None else padded_to - borders[-1]
    lengths[-1] += n_padding
    labels = np.concatenate([*(s.labels for s in samples), np.full(n_padding, IGNORED)])
    # A conversation's first token follows another conversation, which says nothing about it.
    labels[borders[:-1]] = IGNORED
    places = [
        torch.arange(begin + span.start, begin + span.start + span.n_positions)
        for begin, sample in zip(borders[:-1], samples, strict=True)
        for span in sample.spans
    ]
    ids = np.concatenate([*(s.ids for s in samples), np.full(n_padding, pad_id)])
    return PackedRow(
        input_ids=torch.from_numpy(ids)[None],
        labels=torch.from_numpy(labels)[None],
        position_ids=torch.cat([torch.arange(length) for length in lengths])[None],
        borders=tuple(borders),
        audios=tuple(torch.from_numpy(features) for s in samples for features in s.features),
        audio_indices=tuple(torch.stack((torch.zeros_like(p), p))[:, None] for p in places),
    )
