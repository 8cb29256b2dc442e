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
    default = CascadeOptions()
    chosen = CascadeOptions(
        language_model=file_name,
        llm_threads=int(options.get("llm_threads", default.llm_threads)),
        name=name,
        language=str(options.get("language", default.language)),
        prepares=bool(options.get("prepares", default.prepares)),
        voice=str(options.get("voice", default.voice)),
        persona=str(options.get("persona", default.persona)),
    )
    return CascadeModel(weights_dir, chosen)
