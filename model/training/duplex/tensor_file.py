"""Tensors with a few words about them in one file; a file is whole or not there.

Knows no content.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from model.training.duplex.data_error import DataError

_safetensors: Any = safetensors  # its annotations are incomplete
_numpy_files: Any = safetensors.numpy

Tensor = npt.NDArray[Any]


def write_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Replaces ``path``."""
    partial = partial_path(path)
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    _numpy_files.save_file(whole, partial, dict(about))
    partial.replace(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Raises DataError."""
    try:
        found: dict[str, Tensor] = _numpy_files.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error
    return found


def read_about(path: Path) -> dict[str, str]:
    """Without the tensors. Raises DataError."""
    try:
        with _safetensors.safe_open(path, "np") as file:
            about: dict[str, str] | None = file.metadata()
    except (OSError, safetensors.SafetensorError) as error:
        raise _unreadable(path, error) from error
    return about or {}


def write_text(path: Path, text: str) -> None:
    """Replaces ``path``."""
    partial = partial_path(path)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def partial_path(path: Path) -> Path:
    """Where a file is written before it takes its place."""
    return path.with_name(f"{path.name}.{os.getpid()}.partial")


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: unreadable ({error}); remove it and run again")
