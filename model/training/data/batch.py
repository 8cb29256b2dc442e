"""Packed rows as tensors, in the form of the network's training forward. Knows no files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from model.training.data.problems import DataError
from model.training.data.rows import PackedRow


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Rows of one length.

    Attributes:
        input_ids: (b, n) int64; ``labels`` and ``position_ids`` alike.
        labels: not shifted; −100 where nothing is learnt.
        position_ids: restart at 0 with each conversation.
        borders: of each row, where its conversations begin, and where the last one ends.
        audios: (t, 560) float32 features of each recording that a user speaks; Plus only.
        audio_indices: (2, 1, t + 4) int64 of each: its row, and its places in it.
        n_targets: tokens whose prediction the backbone learns, of all rows.
        n_tokens: of all conversations, without padding.
    """

    input_ids: Tensor
    labels: Tensor
    position_ids: Tensor
    borders: tuple[tuple[int, ...], ...]
    audios: tuple[Tensor, ...] = ()
    audio_indices: tuple[Tensor, ...] = ()
    n_targets: int = 0
    n_tokens: int = 0

    @classmethod
    def of(cls, rows: Sequence[PackedRow]) -> PackedBatch:
        """Raises DataError where ``rows`` differ in length: they must be padded to be stacked."""
        lengths = {len(row.ids) for row in rows}
        if len(lengths) != 1:
            raise DataError(f"rows of {sorted(lengths)} tokens cannot be stacked; pad the rows")
        return cls(
            input_ids=torch.stack([torch.from_numpy(row.ids) for row in rows]),
            labels=torch.stack([torch.from_numpy(row.labels) for row in rows]),
            position_ids=torch.stack([torch.from_numpy(row.positions) for row in rows]),
            borders=tuple(tuple(row.borders.tolist()) for row in rows),
            audios=tuple(torch.from_numpy(f) for row in rows for f in row.features),
            audio_indices=tuple(
                _indices(number, span.start, span.n_positions)
                for number, row in enumerate(rows)
                for span in row.spans
            ),
            n_targets=sum(row.n_targets for row in rows),
            n_tokens=sum(int(row.borders[-1]) for row in rows),
        )

    def to(self, device: torch.device | str) -> PackedBatch:
        """The same on ``device``."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        return PackedBatch(
            moved(self.input_ids),
            moved(self.labels),
            moved(self.position_ids),
            self.borders,
            tuple(map(moved, self.audios)),
            tuple(map(moved, self.audio_indices)),
            self.n_targets,
            self.n_tokens,
        )

    def inputs(self) -> dict[str, Any]:
        """Arguments of the network's ``forward``."""
        return {
            "input_ids": self.input_ids,
            "position_ids": self.position_ids,
            "labels": self.labels,
            "audios": self.audios,
            "audio_indices": self.audio_indices,
        }


def _indices(row: int, start: int, n_positions: int) -> Tensor:
    """(2, 1, n_positions)."""
    places = torch.arange(start, start + n_positions)
    return torch.stack((torch.full_like(places, row), places))[:, None]
