"""What one level remembers, and how one step's queries meet it.

Keys and values lie in one preallocated block, states that are not yet consumed in another. Entries
are counted by their place in the level's cache.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

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


class SlicedAttention:
    """Reads the filled part of the cache only: least work, shapes grow with the conversation."""

    def __init__(self, cache: LevelCache, n_new: int) -> None:
        self._cache = cache
        self._start = cache.n_entries
        self._end = self._start + n_new
        # From nothing the kernel's own causal mask serves and is cheaper.
        self._is_plain = self._start == 0 and n_new > 1
        self._mask: Tensor | None = None
        if n_new > 1 and not self._is_plain:
            places = torch.arange(self._start, self._end, device=cache.keys.device)
            self._mask = causal_mask(places, self._end)

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Store ``keys`` and ``values`` (n, heads, head_size) and return (n, width) of ``queries``.

        ``queries`` have several heads for each head of ``keys``, neighbours sharing one.
        """
        here = slice(self._start, self._end)
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        all_keys[:, here] = keys.transpose(0, 1)
        all_values[:, here] = values.transpose(0, 1)
        known = all_keys[:, : self._end], all_values[:, : self._end]
        if not self._is_plain:
            return _grouped(queries, *known, self._mask)
        batched = (queries.transpose(0, 1)[None], known[0][None], known[1][None])
        attended = scaled_dot_product_attention(*batched, is_causal=True, enable_gqa=True)
        return attended[0].transpose(0, 1).flatten(1)


class FixedAttention:
    """Reads the whole block under a mask: shapes and addresses never change, so it can be recorded.

    Args:
        places: (n,) int64, where the new entries go.
    """

    def __init__(self, cache: LevelCache, places: Tensor) -> None:
        self._cache = cache
        self._places = places
        self._mask = causal_mask(places, cache.capacity)

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Store and attend; see ``SlicedAttention``."""
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        all_keys.index_copy_(1, self._places, keys.transpose(0, 1))
        all_values.index_copy_(1, self._places, values.transpose(0, 1))
        return _grouped(queries, all_keys, all_values, self._mask)


def causal_mask(places: Tensor, n_columns: int) -> Tensor:
    """Return (n, n_columns) bool, true where the query at ``places`` (n,) int64 may look."""
    return torch.arange(n_columns, device=places.device) <= places[:, None]


def _grouped(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Heads that share keys become further queries, so that no key is copied."""
    n, n_heads, size = queries.shape
    n_shared = keys.shape[0]
    group = n_heads // n_shared
    folded = queries.view(n, n_shared, group, size).permute(1, 2, 0, 3)
    folded = folded.reshape(1, n_shared, group * n, size)
    if mask is not None:
        mask = mask.repeat(group, 1)
    attended = scaled_dot_product_attention(folded, keys[None], values[None], attn_mask=mask)
    attended = attended.view(n_shared, group, n, size).permute(2, 0, 1, 3)
    return attended.reshape(n, n_heads * size)
