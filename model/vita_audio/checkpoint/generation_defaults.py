"""What a published generation_config.json asks for: sampling, stop ids, the emission pattern.

The files of the published repositories were not verified; the defaults are the template's of the
upstream source. Knows no sampler and no schedule.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from model.errors import ModelError

GENERATION_CONFIG_NAME = "generation_config.json"

_IM_END, _END_OF_TEXT = 151_645, 151_643


@dataclass(frozen=True, slots=True)
class GenerationDefaults:
    """Upstream's scripts overwrite all but the repetition penalty.

    Attributes:
        pattern: numbers of backbone and MCTP tokens in turn, ``mtp_inference_mode``; None where
            the file has none.
    """

    does_sample: bool = True
    temperature: float = 0.7
    top_k: int = 20
    top_p: float = 0.8
    repetition_penalty: float = 1.05
    end_ids: tuple[int, ...] = (_IM_END, _END_OF_TEXT)
    pad_id: int = _END_OF_TEXT
    pattern: tuple[int, ...] | None = None


def read_generation_defaults(directory: Path) -> GenerationDefaults:
    """Reads generation_config.json; a missing file or field gives the template's value.

    Raises:
        ModelError: the file is damaged or holds a value of another type.
    """
    path = directory / GENERATION_CONFIG_NAME
    if not path.is_file():
        return GenerationDefaults()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}; download it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no JSON object; download it again")
    fields = cast(dict[str, Any], content)
    fallback = GenerationDefaults()
    try:
        return GenerationDefaults(
            does_sample=bool(fields.get("do_sample", fallback.does_sample)),
            temperature=float(fields.get("temperature", fallback.temperature)),
            top_k=int(fields.get("top_k", fallback.top_k)),
            top_p=float(fields.get("top_p", fallback.top_p)),
            repetition_penalty=float(fields.get("repetition_penalty", fallback.repetition_penalty)),
            end_ids=_ids(fields.get("eos_token_id", fallback.end_ids)),
            pad_id=int(fields.get("pad_token_id", fallback.pad_id)),
            pattern=_pattern(fields.get("mtp_inference_mode")),
        )
    except (TypeError, ValueError) as error:
        raise ModelError(f"{path} holds a value that does not fit: {error}") from error


def _ids(value: object) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,)
    return tuple(int(token_id) for token_id in cast(list[int], value))


def _pattern(value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    counts = tuple(int(count) for count in cast(list[int], value))
    if len(counts) == 0 or len(counts) % 2 != 0 or any(count < 0 for count in counts):
        raise ValueError(
            f"mtp_inference_mode {list(counts)} must alternate backbone and MCTP counts"
        )
    return counts
