"""Causal log-mel spectra: every 10 ms frame sees itself and the 15 ms before it."""

import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ, Samples

FRAME = ENGINE_RATE_HZ // 100  # samples, 10 ms
N_MELS = 40
_N_WINDOW = ENGINE_RATE_HZ // 40  # samples, 25 ms
_N_LEAD = _N_WINDOW - FRAME
_N_FFT = 512
_POWER_FLOOR = 1e-9  # below the noise of any microphone; digital silence lands here
_CENTRE, _SPREAD = 5.0, 2.5  # log10: speech and room noise come to about [-1, 2]

# Slaney's mel scale: linear below 1 kHz (200/3 Hz a mel), then logarithmic (27 mels a factor 6.4)
_HZ_PER_MEL = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = float(np.log(6.4)) / 27.0

Mels = npt.NDArray[np.float32]  # (n_frames, n_mels)
_FloatArray = npt.NDArray[np.float64]


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _HZ_PER_MEL
    return _BREAK_MEL + float(np.log(hz / _BREAK_HZ)) / _LOG_STEP


def _mel_to_hz(mels: _FloatArray) -> _FloatArray:
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mels - _BREAK_MEL))
    return np.where(mels < _BREAK_MEL, mels * _HZ_PER_MEL, above)


def mel_filters(n_mels: int, n_fft: int) -> Mels:
    """Return triangular filters of equal area over 0-8 kHz, float32 (n_mels, n_fft // 2 + 1)."""
    top_mel = _hz_to_mel(ENGINE_RATE_HZ / 2)
    edges_hz = _mel_to_hz(np.linspace(0.0, top_mel, n_mels + 2))
    bins_hz = np.linspace(0.0, ENGINE_RATE_HZ / 2, n_fft // 2 + 1)
    widths_hz = np.diff(edges_hz)
    distance_hz = edges_hz[:, None] - bins_hz[None, :]  # (n_mels + 2, n_bins)
    rising = -distance_hz[:-2] / widths_hz[:-1, None]
    falling = distance_hz[2:] / widths_hz[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    area = 2.0 / (edges_hz[2:] - edges_hz[:-2])
    return (triangles * area[:, None]).astype(np.float32)


def hann(n: int) -> npt.NDArray[np.float32]:
    """Return a periodic Hann window, float32 (n,)."""
    return np.hanning(n + 1)[:-1].astype(np.float32)


class LogMelStream:
    """Makes 40 bands of every 10 ms frame: log10 of power, shifted and scaled to about one.

    Args:
        n_sounds: how many sounds of the same time are taken at once; 0: one, without its own axis.
    """

    def __init__(self, n_sounds: int = 0) -> None:
        self._shape = (n_sounds, _N_LEAD) if n_sounds else (_N_LEAD,)
        self._filters = mel_filters(N_MELS, _N_FFT).T.copy()  # (257, 40)
        self._window = hann(_N_WINDOW)
        self._lead = np.zeros(self._shape, np.float32)

    def reset(self) -> None:
        """Start over: what comes next follows silence."""
        self._lead = np.zeros(self._shape, np.float32)

    def push(self, samples: Samples) -> Mels:
        """Return float32 (n, 40) for float32 (n x 160,), any n; an axis of sounds comes first."""
        block = np.concatenate([self._lead, samples], axis=-1)
        self._lead = block[..., -_N_LEAD:]
        views = np.lib.stride_tricks.sliding_window_view(block, _N_WINDOW, axis=-1)
        windows = views[..., ::FRAME, :]
        spectrum = np.fft.rfft(windows * self._window, _N_FFT, axis=-1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        mels = power.astype(np.float32) @ self._filters
        logs = np.log10(np.maximum(mels, np.float32(_POWER_FLOOR)))
        return ((logs + _CENTRE) / _SPREAD).astype(np.float32)
