"""Smart Turn v3.2: from the sound of the last 8 s, has the speaker finished?

Knows neither the words nor how long the pause will be; it is asked once or twice per pause.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.onnx_session import open_session
from model.errors import WeightsError

WEIGHTS_NAME = "smart-turn-v3.2-cpu.onnx"
WINDOW_S = 8.0  # the network's receptive field
N_WINDOW = int(WINDOW_S * ENGINE_RATE_HZ)

# Whisper's feature extractor (Radford et al. 2022, section 2.2)
N_FFT = 400
N_HOP = 160
N_MELS = 80
N_FRAMES = N_WINDOW // N_HOP
POWER_FLOOR = 1e-10
DYNAMIC_RANGE_LOG10 = 8.0
VARIANCE_FLOOR = 1e-7

# Slaney's mel scale: linear below 1 kHz (200/3 Hz a mel), then logarithmic (27 mels a factor 6.4)
SLANEY_HZ_PER_MEL = 200.0 / 3.0
SLANEY_BREAK_HZ = 1000.0
SLANEY_BREAK_MEL = SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL
SLANEY_LOG_STEP = float(np.log(6.4)) / 27.0

FloatArray = npt.NDArray[np.float64]


class TurnClassifier(Protocol):
    """Acoustic opinion on a pause."""

    @property
    def last_inference_s(self) -> float:
        """Wall seconds of the latest call of ``p_complete``."""
        ...

    def p_complete(self, samples: Samples) -> float:
        """``samples``: float32 (n,) at 16 kHz, the turn up to now; only its last 8 s matter."""
        ...


def _hz_to_mel(hz: float) -> float:
    if hz < SLANEY_BREAK_HZ:
        return hz / SLANEY_HZ_PER_MEL
    return SLANEY_BREAK_MEL + float(np.log(hz / SLANEY_BREAK_HZ)) / SLANEY_LOG_STEP


def _mel_to_hz(mels: FloatArray) -> FloatArray:
    above = SLANEY_BREAK_HZ * np.exp(SLANEY_LOG_STEP * (mels - SLANEY_BREAK_MEL))
    return np.where(mels < SLANEY_BREAK_MEL, mels * SLANEY_HZ_PER_MEL, above)


def mel_filters() -> npt.NDArray[np.float32]:
    """Triangular filters of equal area, (80, 201): mel bands x FFT bins, 0-8 kHz."""
    top_mel = _hz_to_mel(ENGINE_RATE_HZ / 2)
    edges_hz = _mel_to_hz(np.linspace(0.0, top_mel, N_MELS + 2))
    bins_hz = np.linspace(0.0, ENGINE_RATE_HZ / 2, N_FFT // 2 + 1)
    widths_hz = np.diff(edges_hz)
    distance_hz = edges_hz[:, None] - bins_hz[None, :]  # (82, 201)
    rising = -distance_hz[:-2] / widths_hz[:-1, None]
    falling = distance_hz[2:] / widths_hz[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    area = 2.0 / (edges_hz[2:] - edges_hz[:-2])
    return (triangles * area[:, None]).astype(np.float32)


class WhisperLogMel:
    """Log-mel features of an 8 s window, as the network was trained on."""

    def __init__(self) -> None:
        self._filters = mel_filters()
        self._hann = np.hanning(N_FFT + 1)[:-1].astype(np.float32)

    def __call__(self, samples: Samples) -> npt.NDArray[np.float32]:
        """Returns float32 (80, 800). Short audio is padded in front, long loses its beginning."""
        window = np.zeros(N_WINDOW, np.float32)
        tail = np.asarray(samples[-N_WINDOW:], np.float32)
        if len(tail):
            window[-len(tail) :] = tail
        window = (window - window.mean()) / np.sqrt(window.var() + VARIANCE_FLOOR)
        padded = np.pad(window, N_FFT // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::N_HOP][:N_FRAMES]
        spectrum = np.fft.rfft(frames * self._hann, axis=-1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        log_mel = np.log10(np.maximum(POWER_FLOOR, self._filters @ power.T.astype(np.float32)))
        log_mel = np.maximum(log_mel, log_mel.max() - DYNAMIC_RANGE_LOG10)
        return ((log_mel + 4.0) / 4.0).astype(np.float32)  # Whisper's scaling to about [-1, 1]


class SmartTurn:
    """The network on onnxruntime, one thread.

    Raises:
        WeightsError: the file is missing or is not this network.
    """

    def __init__(self, weights: Path) -> None:
        if not weights.is_file():
            raise WeightsError(
                f"{weights}: Smart Turn weights are missing; run 'parley models get {weights.name}'"
            )
        session: Any = open_session(weights)
        self._session = session
        self._input_name: str = session.get_inputs()[0].name
        self._features = WhisperLogMel()
        self._last_inference_s = 0.0

    @property
    def last_inference_s(self) -> float:
        return self._last_inference_s

    def p_complete(self, samples: Samples) -> float:
        begun = time.perf_counter()
        features = self._features(samples)[None]  # [1, 80, 800]
        outputs = self._session.run(None, {self._input_name: features})
        self._last_inference_s = time.perf_counter() - begun
        return float(np.ravel(outputs[0])[0])
