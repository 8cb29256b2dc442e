"""How sure a figure from few events is. Knows nothing of what was counted."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Z_95 = 1.959964  # two-sided normal quantile
N_RESAMPLES = 400
SEED = 7


def wilson(n_hits: int, n: int) -> tuple[float, float] | None:
    """95 % interval of a share (Wilson 1927); None of nothing."""
    if n <= 0:
        return None
    share, z2 = n_hits / n, Z_95 * Z_95
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def resample_counts(n: int, n_resamples: int = N_RESAMPLES) -> npt.NDArray[np.float64]:
    """Bootstrap: how often each of ``n`` items was drawn, float64 (n_resamples, n)."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples).astype(np.float64)


def middle_95(values: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """From the 2.5th to the 97.5th percentile of the finite ones; None of nothing."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)
