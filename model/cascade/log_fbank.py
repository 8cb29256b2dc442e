"""Sound to the log mel energies that the Mandarin recogniser was trained on.

Its training resampled everything to 22.05 kHz and transformed only the first 512 of the 551 samples
of a frame; both are kept, as the network knows nothing else. Knows no network.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples

RATE_HZ = 22_050
N_BANDS = 40
_FRAME = 551  # 25 ms
_HOP = 220  # 10 ms
_FFT = 512
_PREEMPHASIS = 0.97
# One step of 16 bits: recordings are never quite silent, and the logarithm of digital silence would
# outweigh everything else when the features are scaled.
_DITHER = 2.0**-15
_DITHER_SEED = 1  # the same sound always gives the same words

_soxr: Any = soxr  # a compiled module without types

Features = np.ndarray[Any, np.dtype[np.float32]]
_Array = np.ndarray[Any, np.dtype[np.float64]]


def log_fbank(samples: Samples) -> Features:
    """Returns (n_frames, 40), zero mean and unit deviation, of ``samples`` at 16 kHz.

    Raises:
        ValueError: less than one frame.
    """
    if len(samples) * RATE_HZ < (_FRAME + _HOP) * ENGINE_RATE_HZ:
        raise ValueError(f"{len(samples)} samples are too few to have features")
    noise = np.random.default_rng(_DITHER_SEED).normal(0.0, _DITHER, len(samples))
    sound = _soxr.resample(samples.astype(np.float64) + noise, ENGINE_RATE_HZ, RATE_HZ)
    energies = _power(cast(_Array, sound)) @ _FILTERS.T  # [n_frames, 40]
    decibels = 20.0 * np.log10(np.maximum(energies, np.finfo(np.float64).eps))
    decibels -= decibels.mean(axis=0)
    return (decibels / decibels.std()).astype(np.float32)


def _power(sound: _Array) -> _Array:
    """Spectra [n_frames, 257] of frames every 10 ms; the last one is filled up with zeros."""
    emphasized = np.append(sound[0], sound[1:] - _PREEMPHASIS * sound[:-1])
    n_frames = -(-(len(emphasized) - _FRAME) // _HOP)
    padded = np.pad(emphasized, (0, n_frames * _HOP + _FRAME - len(emphasized)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[: n_frames * _HOP : _HOP]
    spectra = np.fft.rfft(frames * np.hamming(_FRAME), _FFT)
    return np.abs(spectra) ** 2 / _FFT


def _filters() -> _Array:
    """Triangles [40, 257] between 0 Hz and half the rate, evenly spaced in mel."""
    top_mel = 2595.0 * math.log10(1.0 + RATE_HZ / 2.0 / 700.0)
    mels: _Array = np.linspace(0.0, top_mel, N_BANDS + 2)
    hz: _Array = 700.0 * np.expm1(mels * (math.log(10.0) / 2595.0))
    edges = np.floor((_FFT + 1) * hz / RATE_HZ)
    bins = np.arange(_FFT // 2 + 1)
    filters = np.zeros((N_BANDS, len(bins)))
    for band, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        rising = (bins >= left) & (bins < centre)
        falling = (bins >= centre) & (bins < right)
        filters[band, rising] = (bins[rising] - left) / (centre - left)
        filters[band, falling] = (right - bins[falling]) / (right - centre)
    return filters


_FILTERS = _filters()
