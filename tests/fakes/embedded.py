"""The embedded default, and a recogniser that reads speech back."""

from __future__ import annotations

import re
from collections.abc import Callable

import jiwer
import numpy as np
import pytest

from audio_io.frames import AudioFrame, Samples, frozen
from model.cascade.recognizer import open_recognizer
from model.store.packages import WeightStore

RATE_HZ = 16_000
DEFAULT_WEIGHTS = (
    "silero-vad",
    "smart-turn",
    "moonshine-tiny-en-encoder",
    "moonshine-tiny-en-decoder",
    "moonshine-tiny-en-tokenizer",
    "moonshine-base-en-encoder",
    "moonshine-base-en-decoder",
    "moonshine-base-en-tokenizer",
    "qwen2.5-coder-0.5b",
)
_STEP = 640  # samples, 40 ms: what the engine sends the recogniser at a time
_QUIET = np.zeros(RATE_HZ // 2, dtype=np.float32)


@pytest.fixture(scope="session")
def embedded_default(weight_store: WeightStore) -> WeightStore:
    """Skips where a weight of the default is missing."""
    missing = [name for name in DEFAULT_WEIGHTS if not weight_store.is_present(name)]
    if missing:
        pytest.skip(f"weights are missing ({', '.join(missing)}); run: parley models get core")
    return weight_store


@pytest.fixture(scope="session")
def read_back(embedded_default: WeightStore) -> Callable[[Samples], str]:
    """``read_back(samples)`` are the words in 16 kHz speech."""
    recognizer = open_recognizer(embedded_default.folder)

    def read(samples: Samples) -> str:
        recognizer.begin()
        heard = np.concatenate([_QUIET, samples.astype(np.float32), _QUIET])
        for start in range(0, len(heard), _STEP):
            recognizer.hear(AudioFrame(frozen(heard[start : start + _STEP].copy()), start))
        return recognizer.finish()

    return read


def word_error_rate(said: str, heard: str) -> float:
    """Of words in small letters without punctuation; 0.0 is the same."""
    return float(jiwer.wer(_plain(said), _plain(heard)))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w']+", text.lower()))
