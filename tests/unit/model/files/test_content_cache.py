from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from model.files.content_cache import Cache, Entry, address

WHERE = address("speech", "ann", "hello", 1.0)


def entry(n: int = 4) -> Entry:
    return Entry({"samples": np.arange(n, dtype=np.int16)}, {"words": [["hello", 0.0, 0.3]]})


def only_file(folder: Path) -> Path:
    (path,) = folder.rglob("*.safetensors")
    return path


def test_what_is_put_in_comes_out(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.read(WHERE) is None
    cache.write(WHERE, entry())
    kept = Cache(tmp_path).read(WHERE)
    assert kept is not None
    assert kept.tensors["samples"].tolist() == [0, 1, 2, 3]
    assert kept.about == entry().about
    assert cache.holds(WHERE)


def test_whatever_determines_the_content_changes_the_address() -> None:
    others = [("bob", "hello", 1.0), ("ann", "hullo", 1.0), ("ann", "hello", 0.9)]
    assert len({WHERE, address("heard", "ann", "hello", 1.0)} | {
        address("speech", *other) for other in others
    }) == 5  # fmt: skip
    assert address("speech", "ann", "hello", 1.0) == WHERE


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    cache, n_made = Cache(tmp_path), 0

    def make() -> Entry:
        nonlocal n_made
        n_made += 1
        return entry()

    for _ in range(3):
        assert cache.made(WHERE, make).about == entry().about
    assert n_made == 1


@pytest.mark.parametrize("damage", ["nothing", "half", "a byte", "another file"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path)
    cache.write(WHERE, entry())
    path = only_file(tmp_path)
    whole = path.read_bytes()
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    path.write_bytes(
        {"nothing": b"", "half": whole[:40], "a byte": flipped, "another file": b"nonsense"}[damage]
    )
    assert cache.read(WHERE) is None
    assert not cache.holds(WHERE)
    assert cache.made(WHERE, entry).tensors["samples"].tolist() == [0, 1, 2, 3]


def test_beyond_its_limit_it_forgets_what_was_unused_for_longest(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    places = [address("speech", name) for name in ("ann", "bob", "cleo")]
    for i, where in enumerate(places):
        cache.write(where, entry(1000))
        path = tmp_path / f"{where}.safetensors"
        os.utime(path, (1000.0 + i, path.stat().st_mtime))
    cache.read(places[0])
    size = path.stat().st_size
    assert cache.trim(2 * size) == {"speech": (2, 2 * size)}
    assert [cache.holds(where) for where in places] == [True, False, True]
