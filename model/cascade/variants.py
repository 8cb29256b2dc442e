"""The cascades of the catalog: the same engines around different language models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from model.cascade.cascade import CascadeModel, CascadeOptions

Options = Mapping[str, str | int | float | bool]


def build_default(weights_dir: Path, options: Options) -> CascadeModel:
    return _build(weights_dir, options, "cascade", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf")


def build_quick(weights_dir: Path, options: Options) -> CascadeModel:
    return _build(weights_dir, options, "cascade-quick", "smollm2-135m-instruct-q4_1.gguf")


def build_better(weights_dir: Path, options: Options) -> CascadeModel:
    return _build(weights_dir, options, "cascade-better", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")


def _build(weights_dir: Path, options: Options, name: str, file_name: str) -> CascadeModel:
    """Options: ``llm_threads``, ``language``, "auto", "en" or "zh", and ``prepares``."""
    n_threads = int(options.get("llm_threads", 1))
    language = str(options.get("language", "auto"))
    prepares = bool(options.get("prepares", True))
    chosen = CascadeOptions(file_name, n_threads, name, language, prepares)
    return CascadeModel(weights_dir, chosen)
