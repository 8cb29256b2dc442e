"""How one step's queries meet what a level remembers: on exact slices, or on a block of fixed size.

Entries are counted by their place in the level's cache.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from model.vita_audio.decoding.level_cache import LevelCache


class StepAttention(Protocol):
    """The attention of one step, which stores the step's keys and values first."""

    def attend(self, layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Store ``keys`` and ``values`` (n, heads, head_size) and return (n, width) of ``queries``.

        ``queries`` have several heads for each head of ``keys``, neighbours sharing one.
        """
        ...


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
        """See ``StepAttention``."""
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
        """See ``StepAttention``."""
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
