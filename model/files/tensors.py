"""Weights in safetensors files: float32, of known names and shapes, or one clear line."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

Array = npt.NDArray[np.float32]
Shapes = Mapping[str, tuple[int, ...]]


def read_tensors(
    path: Path,
    wanted_of: Callable[[Mapping[str, Array]], Shapes],
    error: type[Exception],
    remedy: str,
) -> dict[str, Array]:
    """Read float32 tensors of the shapes that ``wanted_of`` tells for those in the file.

    Raises ``error``, which names file, tensor and remedy in one line.
    """
    try:
        found: dict[str, Array] = _load(path.read_bytes())
    except FileNotFoundError:
        raise error(f"{path} is missing; {remedy}") from None
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as cause:
        reason = " ".join(str(cause).split())
        raise error(f"{path} cannot be read ({reason}); {remedy}") from cause
    wanted = wanted_of(found)
    if strange := sorted(set(found) ^ set(wanted)):
        what = "is missing" if strange[0] in wanted else "does not belong here"
        raise error(f"{path}: {strange[0]} {what}; {remedy}")
    for name, sizes in wanted.items():
        weight = found[name]
        if weight.shape != sizes or weight.dtype != np.float32:
            what = f"is {weight.dtype} {weight.shape}, not float32 {sizes}"
            raise error(f"{path}: {name} {what}; {remedy}")
        if not np.isfinite(weight).all():
            raise error(f"{path}: {name} holds a value that is no number; {remedy}")
    return found


_load: Callable[[bytes], dict[str, Any]] = safetensors.numpy.load
