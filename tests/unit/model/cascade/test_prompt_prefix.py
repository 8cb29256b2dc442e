"""The computed start of a prompt on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from model.cascade.language_model import PrefixStore
from model.errors import ModelError


class FakeRuntime:
    """Saves and restores files like the server does; refuses when told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_refusing = False
        self.slot = ""

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.is_refusing:
            raise ModelError("refused")
        file = self.folder / body["filename"]
        if path.endswith("save"):
            file.write_text(self.slot)
        else:
            self.slot = file.read_text()
        return {}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"weights")
    return path


def store_of(weights: Path, version: str = "1") -> tuple[PrefixStore, FakeRuntime]:
    store = PrefixStore(weights, version)
    store.folder.mkdir(exist_ok=True)
    return store, FakeRuntime(store.folder)


def test_a_saved_prompt_is_restored(weights: Path) -> None:
    store, runtime = store_of(weights)
    assert not store.restore(runtime.ask, "you are Parley")
    runtime.slot = "state"
    store.save(runtime.ask, "you are Parley")
    runtime.slot = ""
    assert store.restore(runtime.ask, "you are Parley")
    assert runtime.slot == "state"


def test_another_prompt_or_runtime_is_not(weights: Path) -> None:
    store, runtime = store_of(weights)
    store.save(runtime.ask, "you are Parley")
    assert not store.restore(runtime.ask, "you are somebody else")
    assert not store_of(weights, "2")[0].restore(runtime.ask, "you are Parley")


def test_another_model_of_the_same_name_is_not(weights: Path) -> None:
    store, runtime = store_of(weights)
    store.save(runtime.ask, "you are Parley")
    weights.write_bytes(b"other weights")
    assert not store_of(weights)[0].restore(runtime.ask, "you are Parley")


def test_a_file_the_runtime_refuses_is_removed(weights: Path) -> None:
    store, runtime = store_of(weights)
    store.save(runtime.ask, "you are Parley")
    runtime.is_refusing = True
    assert not store.restore(runtime.ask, "you are Parley")
    assert list(store.folder.iterdir()) == []


def test_a_failed_save_leaves_nothing_half_written(weights: Path) -> None:
    store, runtime = store_of(weights)
    runtime.is_refusing = True
    store.save(runtime.ask, "you are Parley")
    assert list(store.folder.iterdir()) == []


def test_old_prompts_make_room_for_new_ones(weights: Path) -> None:
    store, runtime = store_of(weights)
    for number in range(20):
        store.save(runtime.ask, f"answer in style {number}")
        os.utime(store._path(f"answer in style {number}"), (number, number))
    assert len(list(store.folder.iterdir())) == 12
    assert store.restore(runtime.ask, "answer in style 19")
    assert not store.restore(runtime.ask, "answer in style 0")
