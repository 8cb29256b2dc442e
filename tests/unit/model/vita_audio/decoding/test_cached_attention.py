"""What a level remembers, and what it gives back."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.vita_audio.decoding.cached_attention import CacheShape, LevelCache, StateTail  # noqa: E402

SHAPE = CacheShape(3, 4, torch.float32, torch.device("cpu"))


def numbered(first, n):
    return torch.arange(first, first + n, dtype=torch.float32)[:, None].expand(n, 5)


def test_a_cache_grows_by_blocks_and_keeps_what_it_holds():
    cache = LevelCache(2, SHAPE, growth=8)
    cache.reserve(5)
    assert cache.capacity == 8
    cache.keys[:, :, :5] = 7.0
    cache.n_entries = 5
    address = cache.keys.data_ptr()
    cache.reserve(3)
    assert cache.keys.data_ptr() == address
    cache.reserve(4)
    assert cache.capacity == 16
    assert bool((cache.keys[:, :, :5] == 7.0).all())


def test_a_cache_never_crops_to_more_than_it_holds():
    cache = LevelCache(1, SHAPE)
    cache.reserve(5)
    cache.n_entries = 5
    cache.crop(9)
    assert cache.n_entries == 5
    cache.crop(2)
    assert cache.n_entries == 2


def test_a_tail_gives_states_by_their_index_until_they_are_forgotten():
    tail = StateTail(5, SHAPE)
    for first in range(0, 40, 4):
        tail.append(numbered(first, 4))
        tail.forget_before(first - 3)
    assert (tail.first, tail.end) == (33, 40)
    assert tail.since(35)[:, 0].tolist() == [35, 36, 37, 38, 39]


def test_a_cropped_tail_goes_on_from_where_it_was_cropped():
    tail = StateTail(5, SHAPE)
    tail.append(numbered(0, 10))
    tail.forget_before(4)
    tail.crop(7)
    tail.append(numbered(7, 2))
    assert tail.since(4)[:, 0].tolist() == [4, 5, 6, 7, 8]
    tail.crop(2)
    assert (tail.first, tail.end) == (2, 2)
    tail.append(numbered(2, 1))
    assert tail.since(2)[:, 0].tolist() == [2]
