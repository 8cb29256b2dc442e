"""Smart Turn v3.2: from the sound of the last 8 s, has the speaker finished?"""

import time
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.onnx_session import open_session
from model.duplex.log_mel import hann, mel_filters
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


class TurnClassifier(Protocol):
    """Scores the sound of a pause."""

    @property
    def last_inference_s(self) -> float:
        """Return the wall seconds of the latest call of ``p_complete``."""
        ...

    def p_complete(self, samples: Samples) -> float:
        """Return the probability that the turn is complete.

        Args:
            samples: float32 (n,) at 16 kHz, the turn up to now; only its last 8 s matter.
        """
        ...


class WhisperLogMel:
    """Makes the log-mel features of an 8 s window that the network was trained on."""

    def __init__(self) -> None:
        self._filters = mel_filters(N_MELS, N_FFT)  # (80, 201)
        self._hann = hann(N_FFT)

    def __call__(self, samples: Samples) -> npt.NDArray[np.float32]:
        """Return float32 (80, 800). Short audio is padded in front, long loses its beginning."""
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
    """The network on one thread of onnxruntime.

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
        self.last_inference_s = 0.0

    def p_complete(self, samples: Samples) -> float:
        """Return the probability that the turn is complete; see ``TurnClassifier``."""
        begun = time.perf_counter()
        features = self._features(samples)[None]  # [1, 80, 800]
        outputs = self._session.run(None, {self._input_name: features})
        self.last_inference_s = time.perf_counter() - begun
        return float(np.ravel(outputs[0])[0])
