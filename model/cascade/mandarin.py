"""The optional Mandarin recogniser on onnxruntime: a stretch of speech in, its characters out.

Knows nothing of streaming, turns, microphones or other languages.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.log_fbank import log_fbank
from model.cascade.moonshine import Transcription, has_looped, without_loop
from model.cascade.onnx_session import open_session
from model.errors import WeightsError

FOLDER = "muggle-speech-zh"
_TABLE_NAME = "label_map"
_END_TOKEN, _UNKNOWN_TOKEN = 0, 2  # below and including the latter: no characters
_TOKENS_PER_S = 8.0  # fast Mandarin has seven characters a second
_SPARE_TOKENS = 4
_MIN_SAMPLES = ENGINE_RATE_HZ // 2  # shorter sounds are padded


class MandarinRecognizer:
    """Transformer with 40 mel bands in, 4461 symbols out, decoded greedily.

    Its decoder keeps no state between steps; with the few characters of a spoken phrase that costs
    less than the encoder.
    """

    def __init__(self, folder: Path) -> None:
        """Opens the weights.

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
        return all(path.is_file() for path in _files(folder))

    def transcribe(self, samples: Samples) -> Transcription:
        """Returns the characters in ``samples`` (16 kHz), without punctuation.

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
        while n_steps < max_tokens and not bool(np.any(has_ended)) and not has_looped(tokens):
            feed: dict[str, Any] = {
                "preds": chosen, "scores.1": score, "ending_flag": has_ended, **fixed
            }  # fmt: skip
            chosen, score, has_ended = self._decoder.run(None, feed)
            tokens.append(int(chosen[0, -1]))
            n_steps += 1
        tokens = without_loop([token for token in tokens if token != _END_TOKEN])
        text = "".join(self._characters.get(t, "") for t in tokens if t > _UNKNOWN_TOKEN)
        return Transcription(text, float(score[0, 0]) / max(1, n_steps), len(tokens), "zh")


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(folder / name for name in ("encoder.onnx", "decoder.onnx", "label_map.py"))


def read_characters(path: Path) -> dict[int, str]:
    """Reads the table "number: character" out of a Python file, as text: nothing of it is run.

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
