"""How one step's queries meet what a level remembers: on exact slices, or on a block of fixed size.

Entries are counted by their place in the level's cache; padding is on the left. Knows no weights.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from model.vita_audio.decoding.level_cache import LevelCache


class StepAttention(Protocol):
    """Stores the step's keys and values in the cache, then attends."""

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """All (rows, n, heads, head_size); returns (rows, n, heads x head_size).

        ``queries`` have several heads for each head of ``keys``, neighbours sharing one.
        """
        ...


class SlicedAttention:
    """Reads the filled part of the cache only: least work, shapes grow with the conversation."""

    def __init__(self, cache: LevelCache, n_new: int, padding: Tensor | None) -> None:
        self._cache = cache
        self._start = cache.n_entries
        self._end = self._start + n_new
        # From nothing and without padding, the kernel's own causal mask serves and is cheaper.
        self._is_plain = self._start == 0 and padding is None and n_new > 1
        self._mask: Tensor | None = None
        if padding is not None or (n_new > 1 and not self._is_plain):
            places = torch.arange(self._start, self._end, device=cache.keys.device)
            self._mask = causal_mask(places, self._end, padding)

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        here = slice(self._start, self._end)
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        all_keys[:, :, here] = keys.transpose(1, 2)
        all_values[:, :, here] = values.transpose(1, 2)
        known = all_keys[:, :, : self._end], all_values[:, :, : self._end]
        if self._is_plain:
            attended = scaled_dot_product_attention(
                queries.transpose(1, 2), *known, is_causal=True, enable_gqa=True
            )
            return attended.transpose(1, 2).flatten(2)
        return _grouped(queries, *known, self._mask)


class FixedAttention:
    """Reads the whole block under a mask: shapes and addresses never change, so it can be recorded.

    Args:
        places: (n,) int64, where the new entries go.
    """

    def __init__(self, cache: LevelCache, places: Tensor, padding: Tensor | None) -> None:
        self._cache = cache
        self._places = places
        self._mask = causal_mask(places, cache.capacity, padding)

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        all_keys, all_values = self._cache.keys[layer], self._cache.values[layer]
        all_keys.index_copy_(2, self._places, keys.transpose(1, 2))
        all_values.index_copy_(2, self._places, values.transpose(1, 2))
        return _grouped(queries, all_keys, all_values, self._mask)


def causal_mask(places: Tensor, n_columns: int, padding: Tensor | None) -> Tensor:
    """(rows or 1, 1, n, n_columns) bool, true where a query may look.

    Args:
        places: (n,) int64 of the queries' own entries.
        padding: (rows,) int64, entries at the left that hold nothing; None: none anywhere.
    """
    columns = torch.arange(n_columns, device=places.device)
    mask = (columns[None, :] <= places[:, None])[None, None]
    if padding is None:
        return mask
    is_real = (columns[None, :] >= padding[:, None])[:, None, None]
    # A padding query looks at itself: with nothing to look at its result would be nan.
    is_self = (columns[None, :] == places[:, None])[None, None]
    return (mask & is_real) | is_self


def _grouped(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Heads that share keys become further queries, so that no key is copied."""
    n_rows, n, n_heads, size = queries.shape
    n_shared = keys.shape[1]
    group = n_heads // n_shared
    folded = queries.view(n_rows, n, n_shared, group, size).permute(0, 2, 3, 1, 4)
    folded = folded.reshape(n_rows, n_shared, group * n, size)
    if mask is not None:
        mask = mask.repeat(1, 1, group, 1)
    attended = scaled_dot_product_attention(folded, keys, values, attn_mask=mask)
    attended = attended.view(n_rows, n_shared, group, n, size).permute(0, 3, 1, 2, 4)
    return attended.reshape(n_rows, n, n_heads * size)
