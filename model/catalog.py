"""Which speech models there are, what they need, and how the worker makes one.

Imports no model before it is built: the window lists them without loading anything.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from model.errors import ModelError
from model.interfaces import SpeechModel
from model.vita_audio.checkpoint.precision import ModelSize, memory_span

DEFAULT_MODEL = "cascade"
LOCAL_MODEL = "local"
DIRECTORY, NAME = "folder", "name"
"""Options of ``LOCAL_MODEL``: the folder it is read from, and the name it is shown by."""

_RECOGNISER = tuple(
    f"moonshine-{size}-en-{part}"
    for size in ("tiny", "base")
    for part in ("encoder", "decoder", "tokenizer")
)
_RECOGNISER_MB = 108
_SPEECH_LM = ("torch", "transformers", "huggingface_hub")
_VITA_LICENCE = (
    "VITA-Audio: unclear, none is stated with certainty; GLM-4-Voice parts: their own licence, "
    "commercial use needs a registration"
)
_MEGABYTE = 1_000_000
_VALUE_BYTES = 2  # for a parameter of a language model as published (bfloat16)
_SPEECH_BYTES = 4  # for one of the speech encoder or decoder
# Entries of the published config.json files that decide about sizes.
_BACKBONE_7B: Mapping[str, object] = {
    "hidden_size": 3584,
    "intermediate_size": 18_944,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 168_072,
    "max_position_embeddings": 32_768,
}
_BACKBONE_LAYERS = 28

Options = Mapping[str, str | int | float | bool]
Loader = Callable[[Path, Options], SpeechModel]


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One model a person can choose.

    Attributes:
        name: also names the group of ``resources/hub_models.toml`` that it is made of, if any.
        weights: names in ``resources/weights.toml`` that must be there.
        size_mb: size of all its files.
        loader: "module:attribute"; called with the weights folder and the options.
        packages: packages that must be installed besides the default ones.
        size: parameters of a large language model; None where memory is no question.
    """

    name: str
    title: str
    weights: tuple[str, ...]
    size_mb: int
    licence: str
    loader: str
    packages: tuple[str, ...] = ()
    size: ModelSize | None = None

    @property
    def is_heavy(self) -> bool:
        """Return whether loading takes long and may fail for want of memory."""
        return bool(self.packages)

    @property
    def memory_mb(self) -> tuple[int, int]:
        """Estimate MB on a GPU: with the fewest bits, and with 16 bits and a full context."""
        if self.size is None:
            return 0, 0
        least, full = memory_span(self.size)
        return least // _MEGABYTE, full // _MEGABYTE


def _vita(name: str, title: str, *, k: int, plus: bool = False) -> CatalogEntry:
    size = ModelSize.from_config(
        {
            **_BACKBONE_7B,
            "model_type": "qwen2_mtp_sensevoice" if plus else "qwen2_mtp",
            "num_hidden_layers": _BACKBONE_LAYERS + k,
            "num_nextn_predict_layers": k,
        }
    )
    n_bytes = size.n_parameters * _VALUE_BYTES + size.speech * _SPEECH_BYTES
    return CatalogEntry(
        f"vita-audio-{name}",
        title,
        (),
        n_bytes // _MEGABYTE,
        _VITA_LICENCE,
        f"model.vita_audio.variants:build_{name.replace('-', '_')}",
        _SPEECH_LM,
        size,
    )


_ENTRIES = (
    CatalogEntry(
        DEFAULT_MODEL,
        "Embedded assistant",
        (*_RECOGNISER, "qwen2.5-coder-0.5b"),
        _RECOGNISER_MB + 491,
        "Apache-2.0, MIT",
        "model.cascade.cascade:build_default",
    ),
    CatalogEntry(
        "cascade-quick",
        "Quick: smallest language model, weak answers",
        (*_RECOGNISER, "smollm2-135m"),
        _RECOGNISER_MB + 98,
        "Apache-2.0, MIT",
        "model.cascade.cascade:build_quick",
    ),
    CatalogEntry(
        "cascade-better",
        "Better answers: larger language model, slower",
        (*_RECOGNISER, "qwen2.5-coder-1.5b"),
        _RECOGNISER_MB + 1117,
        "Apache-2.0, MIT",
        "model.cascade.cascade:build_better",
    ),
    CatalogEntry(
        "scripted",
        "Scripted: fixed replies for tests and demonstrations",
        (),
        0,
        "Apache-2.0",
        "model.scripted:build",
    ),
    _vita("boost", "VITA-Audio Boost: hears and speaks by itself, soonest first word", k=10),
    _vita("balance", "VITA-Audio Balance: hears and speaks by itself, smoother start", k=10),
    _vita("plus-vanilla", "VITA-Audio Plus-Vanilla: hears features, no shortcuts", k=0, plus=True),
    _vita("plus-boost", "VITA-Audio Plus-Boost: hears features, soonest word", k=10, plus=True),
)

_LOCAL = CatalogEntry(
    LOCAL_MODEL,
    "VITA-Audio from a folder of your own",
    (),
    0,
    "that of the folder's files",
    "model.vita_audio.variants:build_local",
    _SPEECH_LM,
)


def catalog() -> tuple[CatalogEntry, ...]:
    """Return all published models, the default first; folders are listed by ``LocalModels``."""
    return _ENTRIES


def entry(name: str) -> CatalogEntry:
    """Return the entry called ``name``; "local:NAME" is any folder that was added.

    Raises:
        ModelError: there is none; names those there are.
    """
    if name.partition(":")[0] == LOCAL_MODEL:
        return _LOCAL
    for known in _ENTRIES:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in _ENTRIES)
    raise ModelError(f"model {name!r} is unknown; choose one of: {names}")


def build(name: str, weights_dir: Path, options: Options | None = None) -> SpeechModel:
    """Make the model, not yet loaded; to be called where it will run.

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
