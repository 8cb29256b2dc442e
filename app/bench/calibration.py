"""Does it happen as often as it is said to? Expected calibration error (Naeini et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

N_BINS = 10


@dataclass(slots=True)
class Calibration:
    """Said probabilities and what came true."""

    said: list[float] = field(default_factory=list[float])
    was_true: list[bool] = field(default_factory=list[bool])

    def add(self, p: float, was_true: bool) -> None:
        self.said.append(p)
        self.was_true.append(was_true)

    @property
    def error(self) -> float | None:
        """Mean distance between said and true over ten equal bins, weighted; None of nothing."""
        if not self.said:
            return None
        said = np.asarray(self.said, np.float64)
        was_true = np.asarray(self.was_true, np.float64)
        bins = np.minimum((said * N_BINS).astype(np.intp), N_BINS - 1)
        distance = 0.0
        for i in np.unique(bins):
            inside = bins == i
            distance += inside.sum() * abs(said[inside].mean() - was_true[inside].mean())
        return float(distance / len(said))
