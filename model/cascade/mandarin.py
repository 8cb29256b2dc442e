"""The optional Mandarin recogniser on onnxruntime: a stretch of speech in, its characters out."""

import ast
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.moonshine import Transcription, has_looped, without_loop
from model.cascade.onnx_session import open_session
from model.cascade.turn_endings import N_LAST, ending_states
from model.errors import WeightsError

FOLDER = "muggle-speech-zh"
_TABLE_NAME = "label_map"
_END_TOKEN, _UNKNOWN_TOKEN = 0, 2  # below and including the latter: no characters
_TOKENS_PER_S = 8.0  # fast Mandarin has seven characters a second
_SPARE_TOKENS = 4
_MIN_SAMPLES = ENGINE_RATE_HZ // 2  # shorter sounds are padded

_RATE_HZ = 22_050  # of the features: training resampled everything
N_BANDS = 40
_FRAME = 551  # 25 ms
_HOP = 220  # 10 ms
_FFT = 512  # training transformed only the first 512 samples of a frame
_PREEMPHASIS = 0.97
# One step of 16 bits: recordings are never quite silent, and the logarithm of digital silence would
# outweigh everything else when the features are scaled.
_DITHER = 2.0**-15
_DITHER_SEED = 1  # the same sound always gives the same words

_soxr: Any = soxr  # a compiled module without types

Features = np.ndarray[Any, np.dtype[np.float32]]
_Array = np.ndarray[Any, np.dtype[np.float64]]


class MandarinRecognizer:
    """A transformer with 40 mel bands in and 4461 symbols out, decoded greedily.

    Its decoder keeps no state between steps; with the few characters of a spoken phrase that costs
    less than the encoder.
    """

    def __init__(self, folder: Path) -> None:
        """Open the weights.

        Raises:
            WeightsError: a file is missing, or is not what it should be.
        """
        for path in _files(folder):
            if not path.is_file():
                raise WeightsError(
                    f"{path}: file is missing; fetch it with `parley models get mandarin`"
                )
        self._characters = read_characters(folder / "label_map.py")
        self._encoder = open_session(folder / "encoder.onnx")
        self._decoder = open_session(folder / "decoder.onnx")

    @staticmethod
    def is_installed(folder: Path) -> bool:
        """Return whether the weights are in ``folder``."""
        return all(path.is_file() for path in _files(folder))

    def transcribe(self, samples: Samples) -> Transcription:
        """Return the characters in ``samples``, float32 (n,) at 16 kHz, without punctuation.

        ``mean_logprob`` counts the end of the sentence as one more token.
        """
        max_tokens = int(len(samples) / ENGINE_RATE_HZ * _TOKENS_PER_S) + _SPARE_TOKENS
        if len(samples) < _MIN_SAMPLES:
            samples = np.pad(samples, (0, _MIN_SAMPLES - len(samples)))
        inputs = log_fbank(samples)[np.newaxis]  # [1, n_frames, 40]
        chosen, states, mask, score, has_ended = self._encoder.run(None, {"inputs": inputs})
        fixed = {"beam_enc_states": states, "beam_enc_mask": mask}
        tokens: list[int] = []
        n_steps = 0
        last_log_p = 0.0
        while n_steps < max_tokens and not bool(np.any(has_ended)) and not has_looped(tokens):
            feed: dict[str, Any] = {
                "preds": chosen, "scores.1": score, "ending_flag": has_ended, **fixed
            }  # fmt: skip
            before = float(score[0, 0])
            chosen, score, has_ended = self._decoder.run(None, feed)
            last_log_p = float(score[0, 0]) - before
            tokens.append(int(chosen[0, -1]))
            n_steps += 1
        tokens = without_loop([token for token in tokens if token != _END_TOKEN])
        text = "".join(self._characters.get(t, "") for t in tokens if t > _UNKNOWN_TOKEN)
        mean_logprob = float(score[0, 0]) / max(1, n_steps)
        # it writes no marks: only how sure the last step was, which is that of the end
        last = np.full(N_LAST, last_log_p, np.float32)
        ending = ending_states(states[0], samples, last)
        return Transcription(text, mean_logprob, len(tokens), "zh", ending)


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(folder / name for name in ("encoder.onnx", "decoder.onnx", "label_map.py"))


def read_characters(path: Path) -> dict[int, str]:
    """Read the table "number: character" out of a Python file, as text: nothing of it is run.

    Raises:
        WeightsError: the file holds no such table.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), path.name)
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == _TABLE_NAME:
                return {int(n): str(text) for n, text in ast.literal_eval(node.value).items()}
    except (OSError, SyntaxError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path}: cannot be read as a table of characters ({error}); "
            "remove it and run `parley models get mandarin`"
        ) from error
    raise WeightsError(f"{path}: holds no {_TABLE_NAME}; run `parley models get mandarin`")


def log_fbank(samples: Samples) -> Features:
    """Return log mel energies (n_frames, 40), zero mean and unit deviation, of 16 kHz ``samples``.

    Raises:
        ValueError: less than one frame.
    """
    if len(samples) * _RATE_HZ < (_FRAME + _HOP) * ENGINE_RATE_HZ:
        raise ValueError(f"{len(samples)} samples are too few to have features")
    noise = np.random.default_rng(_DITHER_SEED).normal(0.0, _DITHER, len(samples))
    sound = _soxr.resample(samples.astype(np.float64) + noise, ENGINE_RATE_HZ, _RATE_HZ)
    energies = _power(cast(_Array, sound)) @ _FILTERS.T  # [n_frames, 40]
    decibels = 20.0 * np.log10(np.maximum(energies, np.finfo(np.float64).eps))
    decibels -= decibels.mean(axis=0)
    return (decibels / decibels.std()).astype(np.float32)


def _power(sound: _Array) -> _Array:
    """Return spectra [n_frames, 257] of frames every 10 ms, the last one filled up with zeros."""
    emphasized = np.append(sound[0], sound[1:] - _PREEMPHASIS * sound[:-1])
    n_frames = -(-(len(emphasized) - _FRAME) // _HOP)
    padded = np.pad(emphasized, (0, n_frames * _HOP + _FRAME - len(emphasized)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[: n_frames * _HOP : _HOP]
    spectra = np.fft.rfft(frames * np.hamming(_FRAME), _FFT)
    return np.abs(spectra) ** 2 / _FFT


def _filters() -> _Array:
    """Return triangles [40, 257] between 0 Hz and half the rate, evenly spaced in mel."""
    top_mel = 2595.0 * math.log10(1.0 + _RATE_HZ / 2.0 / 700.0)
    mels: _Array = np.linspace(0.0, top_mel, N_BANDS + 2)
    hz: _Array = 700.0 * np.expm1(mels * (math.log(10.0) / 2595.0))
    edges = np.floor((_FFT + 1) * hz / _RATE_HZ)
    bins = np.arange(_FFT // 2 + 1)
    filters = np.zeros((N_BANDS, len(bins)))
    for band, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        rising = (bins >= left) & (bins < centre)
        falling = (bins >= centre) & (bins < right)
        filters[band, rising] = (bins[rising] - left) / (centre - left)
        filters[band, falling] = (right - bins[falling]) / (right - centre)
    return filters


_FILTERS = _filters()
