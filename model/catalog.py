"""Which speech models there are, what they need, and how the worker makes one.

Imports no model before it is built: the window lists them without loading anything.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from model.errors import ModelError
from model.interfaces import SpeechModel

DEFAULT_MODEL = "cascade"

_RECOGNISER = tuple(
    f"moonshine-{size}-en-{part}"
    for size in ("tiny", "base")
    for part in ("encoder", "decoder", "tokenizer")
)
_RECOGNISER_MB = 108

Options = Mapping[str, str | int | float | bool]
Loader = Callable[[Path, Options], SpeechModel]


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One model a person can choose.

    Attributes:
        weights: names in ``resources/weights.toml`` that must be there.
        size_mb: of those files.
        loader: "module:attribute"; called with the weights folder and the options.
        kind: what runs it. "process" on the CPU, "thread" on a GPU (loaded before audio starts),
            "inline" where it is light enough for any thread.
    """

    name: str
    title: str
    weights: tuple[str, ...]
    size_mb: int
    licence: str
    loader: str
    kind: Literal["process", "thread", "inline"]


_ENTRIES = (
    CatalogEntry(
        DEFAULT_MODEL,
        "Embedded assistant",
        (*_RECOGNISER, "qwen2.5-coder-0.5b"),
        _RECOGNISER_MB + 491,
        "Apache-2.0, MIT",
        "model.cascade.variants:build_default",
        "process",
    ),
    CatalogEntry(
        "cascade-quick",
        "Quick: smallest language model, weak answers",
        (*_RECOGNISER, "smollm2-135m"),
        _RECOGNISER_MB + 98,
        "Apache-2.0, MIT",
        "model.cascade.variants:build_quick",
        "process",
    ),
    CatalogEntry(
        "cascade-better",
        "Better answers: larger language model, slower",
        (*_RECOGNISER, "qwen2.5-coder-1.5b"),
        _RECOGNISER_MB + 1117,
        "Apache-2.0, MIT",
        "model.cascade.variants:build_better",
        "process",
    ),
    CatalogEntry(
        "scripted",
        "Scripted: fixed replies for tests and demonstrations",
        (),
        0,
        "Apache-2.0",
        "model.scripted:build",
        "inline",
    ),
)


def catalog() -> tuple[CatalogEntry, ...]:
    """Returns all models, the default first."""
    return _ENTRIES


def entry(name: str) -> CatalogEntry:
    """Returns the entry called ``name``.

    Raises:
        ModelError: there is none; names those there are.
    """
    for known in _ENTRIES:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in _ENTRIES)
    raise ModelError(f"model {name!r} is unknown; choose one of: {names}")


def build(name: str, weights_dir: Path, options: Options | None = None) -> SpeechModel:
    """Makes the model, not yet loaded; to be called where it will run.

    Raises:
        ModelError: unknown name, or a package it needs is not installed.
    """
    module_name, _, attribute = entry(name).loader.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ModelError(f"model {name!r} cannot be used here: {error}") from error
    loader = cast(Loader, getattr(module, attribute))
    return loader(weights_dir, options or {})
