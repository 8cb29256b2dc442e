"""Draws that plain numpy writes longer; the same generator gives the same draws."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """Return one of ``items``, each with the same chance."""
    return items[int(rng.integers(len(items)))]


def between(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """Return a number between two limits, each as likely as any other."""
    return float(rng.uniform(*limits))
