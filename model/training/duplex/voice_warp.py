"""Another voice and another tempo out of the same speech: resampling, overlap-add, spectral tilt.

Does not know words; times scale with the sound.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from model.training.duplex.utterance import Utterance, Word

_WINDOW = ENGINE_RATE_HZ // 25  # samples, 40 ms
_HOP = _WINDOW // 2
_SEARCH = ENGINE_RATE_HZ // 100  # a window may be taken from this much earlier or later
_TILT_FROM_HZ, _TILT_TO_HZ = 300.0, 6000.0
_NEARLY_ONE = 0.01


def stretched(samples: Samples, factor: float) -> Samples:
    """``factor`` times as long at the same pitch (WSOLA, Verhelst and Roelands 1993)."""
    if abs(factor - 1.0) < _NEARLY_ONE or len(samples) < 3 * _WINDOW:
        return samples
    n_out = round(len(samples) * factor)
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    padded = np.pad(samples, (_SEARCH, _WINDOW + 2 * _SEARCH))
    out = np.zeros(n_out + 2 * _WINDOW, np.float32)
    best = _SEARCH
    out[:_WINDOW] += padded[best : best + _WINDOW] * window
    for at in range(_HOP, n_out, _HOP):
        wanted = padded[best + _HOP : best + _HOP + _WINDOW]
        centre = min(round(at / factor), len(samples) - 1) + _SEARCH
        begin = centre - _SEARCH
        region = padded[begin : centre + _SEARCH + _WINDOW]
        if len(region) < len(wanted) or len(wanted) < _WINDOW:
            break
        best = begin + int(np.argmax(np.correlate(region, wanted, mode="valid")))
        out[at : at + _WINDOW] += padded[best : best + _WINDOW] * window
    return out[:n_out]


def tilted(samples: Samples, db: float) -> Samples:
    """Raises 6 kHz by ``db`` against 300 Hz, linear in octaves."""
    if abs(db) < _NEARLY_ONE or not len(samples):
        return samples
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1.0 / ENGINE_RATE_HZ)
    octaves = np.log2(np.clip(hz, _TILT_FROM_HZ, _TILT_TO_HZ) / _TILT_FROM_HZ)
    gain = 10.0 ** (db * octaves / np.log2(_TILT_TO_HZ / _TILT_FROM_HZ) / 20.0)
    return np.fft.irfft(spectrum * gain, len(samples)).astype(np.float32)


def warped(utterance: Utterance, pitch: float, tempo: float, tilt_db: float) -> Utterance:
    """Said with ``pitch`` times the pitch (and formants), ``tempo`` times as fast."""
    samples = utterance.samples
    if abs(pitch - 1.0) >= _NEARLY_ONE and len(samples):
        samples = soxr.resample(samples, ENGINE_RATE_HZ * pitch, ENGINE_RATE_HZ, "HQ")
    samples = tilted(stretched(samples, pitch / tempo), tilt_db)
    scale = len(samples) / max(1, len(utterance.samples))
    words = tuple(Word(w.text, w.start_s * scale, w.end_s * scale) for w in utterance.words)
    return replace(utterance, samples=frozen(samples.astype(np.float32)), words=words)
