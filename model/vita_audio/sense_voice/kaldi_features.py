"""Sound to what SenseVoice hears: log mel energies, stacked and scaled.

As funasr's front end, with Kaldi's defaults and without dither.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from transformers.audio_utils import mel_filter_bank

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.errors import WeightsError

SCALING_FILE = "am.mvn"

_N_BANDS = 80
_N_STACKED = 7
_STACK_HOP = 6
_N_BEFORE = (_N_STACKED - 1) // 2  # energies before the first of a stack's own
_FRAME = 400  # 25 ms
_HOP = 160  # 10 ms
_FFT = 512
_LOWEST_HZ = 20.0
_PREEMPHASIS = 0.97
_FULL_SCALE = 32_768.0  # Kaldi counts steps of 16 bits
_LEAST_ENERGY = float(np.finfo(np.float32).eps)
_NUMBERS = r"<{}>\s+\d+\s+\d+\s+<LearnRateCoef>\s+\S+\s+\[([^\]]*)\]"

Features = np.ndarray[Any, np.dtype[np.float32]]
_Array = np.ndarray[Any, np.dtype[np.float64]]

_WINDOW = np.hamming(_FRAME)
_FILTERS = mel_filter_bank(
    num_frequency_bins=_FFT // 2 + 1,
    num_mel_filters=_N_BANDS,
    min_frequency=_LOWEST_HZ,
    max_frequency=ENGINE_RATE_HZ / 2,
    sampling_rate=ENGINE_RATE_HZ,
    mel_scale="kaldi",
    triangularize_in_mel_space=True,
)  # [257, 80]


class SpeechFeatures:
    """The front end, which turns a whole utterance into frames of 60 ms.

    Args:
        shift: (560,) added to stacked energies.
        scale: (560,) multiplied with them afterwards.
    """

    def __init__(self, shift: Features, scale: Features) -> None:
        self._shift = shift
        self._scale = scale

    @classmethod
    def from_directory(cls, directory: Path) -> SpeechFeatures:
        """Read ``am.mvn``. Raises WeightsError if it is missing or damaged."""
        path = directory / SCALING_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WeightsError(
                f"{path}: cannot be read: {error}; a Plus model needs this file of SenseVoiceSmall"
            ) from error
        return cls(_numbers(text, "AddShift", path), _numbers(text, "Rescale", path))

    def extract(self, samples: Samples) -> Features:
        """Return (n_frames, 560) of float samples (n,) at 16 kHz, full scale 1.

        Less than 25 ms is filled up with silence.
        """
        filled = np.pad(samples.astype(np.float64), (0, max(0, _FRAME - len(samples))))
        stacked = _stack(_log_energies(filled * _FULL_SCALE)).astype(np.float32)
        return (stacked + self._shift) * self._scale


def _log_energies(samples: _Array) -> _Array:
    """(n, 80) of windows that lie within ``samples``."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    # Kaldi takes what is before the first sample of a frame to be equal to it.
    before = np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
    spectra = np.fft.rfft((frames - _PREEMPHASIS * before) * _WINDOW, _FFT)
    energies = np.abs(spectra) ** 2 @ _FILTERS
    return np.log(np.maximum(energies, _LEAST_ENERGY))


def _stack(energies: _Array) -> _Array:
    """Every sixth energy with its neighbours (low frame rate); the edges repeat."""
    starts = np.arange(0, len(energies), _STACK_HOP)[:, None]
    rows = starts + np.arange(_N_STACKED) - _N_BEFORE
    return energies[rows.clip(0, len(energies) - 1)].reshape(len(starts), -1)


def _numbers(text: str, name: str, path: Path) -> Features:
    """The vector behind ``<name>`` in Kaldi's text format."""
    found = re.search(_NUMBERS.format(name), text)
    if found is None:
        raise WeightsError(f"{path}: has no numbers behind <{name}>; download it again")
    try:
        values = np.array(found[1].split(), dtype=np.float32)
    except ValueError as error:
        raise WeightsError(f"{path}: <{name}>: {error}; download it again") from error
    if len(values) != _N_BANDS * _N_STACKED or not np.isfinite(values).all():
        raise WeightsError(
            f"{path}: <{name}> has {len(values)} numbers and must have {_N_BANDS * _N_STACKED} "
            "that are finite; download it again"
        )
    return values
