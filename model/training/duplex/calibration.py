"""Do probabilities mean what they say? One temperature for a network's logits (Guo et al. 2017).

Knows no network, no clip, no threshold.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
N_BINS = 15
_TEMPERATURES = np.geomspace(0.25, 8.0, 241)  # steps of 1.5 %


def fit_temperature(logits: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> float:
    """The temperature of highest likelihood; 1.0 for no data.

    ``logits``: (n, classes), ``truth``: (n,) rows of the classes that were true.
    """
    if not len(truth):
        return 1.0
    losses = [negative_log_likelihood(logits, truth, t) for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def negative_log_likelihood(
    logits: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], temperature: float
) -> float:
    """Mean, in nats."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(scaled).sum(axis=1))
    return float(np.mean(log_sums - scaled[np.arange(len(truth)), truth]))


def calibration_error(p: npt.NDArray[np.floating], happened: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error: |said - happened| over bins of equal width, weighted by size."""
    if not len(p):
        return 0.0
    bins = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    said = np.bincount(bins, p, N_BINS)
    true = np.bincount(bins, happened, N_BINS)
    return float(np.abs(said - true).sum() / len(p))
