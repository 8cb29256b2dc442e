"""What a recogniser has computed, where its speech stopped, of whether the turn is over.

Nothing is run for it: the encoder's frames and the decoder's probabilities of the last step are
there once the words are. One row of weights turns them into log-odds.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, EndEvidence, Samples
from model.errors import WeightsError
from model.files.tensors import Array, Shapes, read_tensors

MARKS = (".", "?", "!", ",", "...")
"""Marks whose log-probabilities are read; that of the end of the text follows them."""
N_LAST = len(MARKS) + 1
N_NUMBERS = 4

_WINDOW = ENGINE_RATE_HZ // 50  # 20 ms: one look at the energy
_BELOW_LOUDEST_DB = 30.0  # softer windows after the voice are the room, a breath, its reverberation
_FLOOR_DBFS = -70.0
_VOICE_S = 0.5  # of voice before the pause: its last syllables and their melody
_LEAST_LOG_P = -20.0
_MOST_WORDS_PER_S = 8.0  # faster ones were invented


@dataclass(frozen=True, slots=True, eq=False)
class EndingStates:
    """The end of a stretch of speech, as its recogniser saw it.

    Attributes:
        quiet: mean encoder frame over the silence after the voice, float32 (width,).
        voice: the same over the last 0.5 s of the voice.
        last_log_p: natural log-probabilities of ``MARKS`` and of the end, float32 (N_LAST,), at the
            step that wrote the final mark, or the end where there is none.
        seconds: from the first loud window to the last.
    """

    quiet: Array
    voice: Array
    last_log_p: Array
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Ending:
    """All evidence of where a turn stopped.

    Attributes:
        language: of the recogniser that gave it: "en", "zh".
        vector: see ``ending_vector``.
        at_s: end of the audio it covers, in seconds on the stream's clock.
    """

    language: str
    vector: Array
    at_s: float


def ending_states(frames: Array, samples: Samples, last_log_p: Array) -> EndingStates:
    """Sum up encoder ``frames``, float32 (n, width), that are evenly spaced over ``samples``."""
    begin, end = _loud_span(samples)
    n = len(frames)
    per_sample = n / max(len(samples), 1)
    quiet_from = min(round(end * per_sample), n - 1)
    voice_to = max(quiet_from, 1)
    voice_from = max(0, min(round((end - _VOICE_S * ENGINE_RATE_HZ) * per_sample), voice_to - 1))
    return EndingStates(
        quiet=frames[quiet_from:].mean(axis=0),
        voice=frames[voice_from:voice_to].mean(axis=0),
        last_log_p=np.maximum(last_log_p, _LEAST_LOG_P).astype(np.float32),
        seconds=(end - begin) / ENGINE_RATE_HZ,
    )


def ending_vector(
    states: EndingStates, *, mean_logprob: float, n_words: int, n_words_here: int
) -> Array:
    """Return all evidence of a stretch, float32 (2 width + N_LAST + N_NUMBERS,).

    Args:
        mean_logprob: of the words of this stretch.
        n_words: of the whole turn.
        n_words_here: of this stretch.
    """
    rate = min(n_words_here / max(states.seconds, 0.1), _MOST_WORDS_PER_S)
    numbers = (mean_logprob, math.log1p(n_words), rate, math.log(max(states.seconds, 0.1)))
    return np.concatenate(
        [states.quiet, states.voice, states.last_log_p, np.asarray(numbers, np.float32)]
    )


def vector_size(width: int) -> int:
    """Return the length of ``ending_vector`` for an encoder of this ``width``."""
    return 2 * width + N_LAST + N_NUMBERS


WEIGHTS = Path(__file__).resolve().parents[2] / "resources/duplex/end_of_turn.safetensors"
RESTORE = "reinstall the application or train it again"
HEARD = {"heard.en": 416, "heard.zh": 256}
"""Width of the encoder that the weights of each language were trained for."""


def heard_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes of the recognisers' weights by name."""
    weights = {f"{name}.weight": (2, vector_size(width)) for name, width in HEARD.items()}
    return {**weights, **{f"{name}.bias": (2,) for name in HEARD}}


class EndingReader:
    """Turns endings into evidence: two rows of weights for each language."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = dict(weights)

    def read(self, ending: Ending) -> EndEvidence | None:
        """Return the evidence; None for a recogniser that the weights were not trained for."""
        weight = self._weights.get(f"heard.{ending.language}.weight")
        if weight is None or weight.shape[1] != len(ending.vector):
            return None
        # vecdot stays on this thread; a matrix product wakes the others and waits for them
        sums = np.vecdot(weight, ending.vector) + self._weights[f"heard.{ending.language}.bias"]
        return EndEvidence(float(sums[0]), float(sums[1]), ending.at_s)


def read_endings(path: Path = WEIGHTS) -> EndingReader:
    """Read the weights. Raises WeightsError with one line that names file, tensor and remedy."""

    def wanted(found: Mapping[str, Array]) -> Shapes:
        others = {name: weight.shape for name, weight in found.items() if "heard." not in name}
        return {**heard_shapes(), **others}

    return EndingReader(read_tensors(path, wanted, WeightsError, RESTORE))


def log_softmax(logits: "np.ndarray[Any, Any]", columns: list[int]) -> Array:
    """Return natural log-probabilities of ``columns`` of one row of logits; -1: never."""
    top = float(logits.max())
    norm = top + math.log(float(np.exp(logits - top).sum()))
    return np.array(
        [float(logits[i]) - norm if i >= 0 else _LEAST_LOG_P for i in columns], np.float32
    )


def _loud_span(samples: Samples) -> tuple[int, int]:
    n = len(samples) // _WINDOW
    if n == 0:
        return 0, len(samples)
    windows = samples[: n * _WINDOW].reshape(n, _WINDOW).astype(np.float64)
    levels = 10.0 * np.log10(np.maximum((windows**2).mean(axis=1), 1e-12))
    loud = np.flatnonzero(levels >= max(float(levels.max()) - _BELOW_LOUDEST_DB, _FLOOR_DBFS))
    if not len(loud):
        return 0, len(samples)
    return int(loud[0]) * _WINDOW, (int(loud[-1]) + 1) * _WINDOW
