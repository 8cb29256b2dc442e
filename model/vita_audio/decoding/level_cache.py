"""What one level remembers: keys and values in one preallocated block, states not yet consumed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

GROWTH = 512  # entries; a conversation of a minute grows once or twice


@dataclass(frozen=True, slots=True)
class CacheShape:
    """Sizes of one layer's keys, and where they live."""

    n_heads: int
    head_size: int
    dtype: torch.dtype
    device: torch.device


class LevelCache:
    """Keys and values of the layers of one level.

    Attributes:
        keys: (layers, heads, capacity, head_size); entries from ``n_entries`` on are garbage.
        values: likewise.
    """

    def __init__(self, n_layers: int, shape: CacheShape, growth: int = GROWTH) -> None:
        self._shape = shape
        self._growth = growth
        self._n_layers = n_layers
        self.n_entries = 0
        self.keys = self._allocate(0)
        self.values = self._allocate(0)

    @property
    def capacity(self) -> int:
        """Number of entries that fit before the block moves."""
        return self.keys.shape[2]

    def reserve(self, n_more: int) -> None:
        """Make room for ``n_more`` entries; the block moves only when it is full."""
        n_needed = self.n_entries + n_more
        if n_needed <= self.capacity:
            return
        capacity = -(-n_needed // self._growth) * self._growth
        for name in ("keys", "values"):
            old: Tensor = getattr(self, name)
            new = self._allocate(capacity)
            new[:, :, : self.n_entries] = old[:, :, : self.n_entries]
            setattr(self, name, new)

    def crop(self, n_entries: int) -> None:
        """Forget all entries from ``n_entries`` on."""
        self.n_entries = min(self.n_entries, n_entries)

    def _allocate(self, capacity: int) -> Tensor:
        shape = self._shape
        # Zeros, not garbage: a step of fixed size weighs masked entries by 0, and 0 x inf is nan.
        return torch.zeros(
            (self._n_layers, shape.n_heads, capacity, shape.head_size),
            dtype=shape.dtype,
            device=shape.device,
        )


class StateTail:
    """States of one level that the next module has not consumed yet, and a margin behind them.

    The margin lets a short rollback (a refused draft) give consumed states back.

    Attributes:
        first: index of the oldest state kept.
        n_kept: number of states kept.
    """

    def __init__(self, width: int, like: CacheShape) -> None:
        self._buffer = torch.empty((0, width), dtype=like.dtype, device=like.device)
        self._offset = 0  # of ``first`` in the buffer
        self.first = 0
        self.n_kept = 0

    @property
    def end(self) -> int:
        """Index behind the newest state."""
        return self.first + self.n_kept

    def append(self, states: Tensor) -> None:
        """Copy ``states`` (n, width) behind the newest one."""
        self._make_room(len(states))
        at = self._offset + self.n_kept
        self._buffer[at : at + len(states)] = states
        self.n_kept += len(states)

    def since(self, index: int) -> Tensor:
        """Return (end - index, width), a view until the next ``append``."""
        at = self._offset + index - self.first
        return self._buffer[at : self._offset + self.n_kept]

    def forget_before(self, index: int) -> None:
        """Drop states up to, but without, ``index``."""
        n_gone = min(max(index - self.first, 0), self.n_kept)
        self._offset += n_gone
        self.first += n_gone
        self.n_kept -= n_gone

    def crop(self, end: int) -> None:
        """Drop states from index ``end`` on."""
        if end <= self.first:
            self.first, self.n_kept = end, 0
        else:
            self.n_kept = min(self.n_kept, end - self.first)

    def _make_room(self, n_new: int) -> None:
        n_needed = self.n_kept + n_new
        if self._offset + n_needed <= len(self._buffer):
            return
        # Twice what is needed: each state is moved about once.
        buffer = self._buffer.new_empty((2 * n_needed, self._buffer.shape[1]))
        buffer[: self.n_kept] = self._buffer[self._offset : self._offset + self.n_kept]
        self._buffer, self._offset = buffer, 0
