"""How good speech sounds, as a network guesses it: DNSMOS P.835 (Reddy, Gopal, Cutler 2022).

It was made for noise suppression, so it hears noise, distortion and gaps; whether the words are
right or the melody is natural it does not hear.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.onnx_session import open_session
from model.errors import WeightsError

WEIGHTS_NAME = "dnsmos-p835"
_WINDOW = int(9.01 * ENGINE_RATE_HZ)  # what the network was trained on
_HOP = ENGINE_RATE_HZ
# From the network's scale to that of the listening test: the publishers' fit, highest power first.
_SIGNAL_FIT = (-0.08397278, 1.22083953, 0.0052439)
_BACKGROUND_FIT = (-0.13166888, 1.60915514, -0.39604546)
_OVERALL_FIT = (-0.06766283, 1.11546468, 0.04602535)


@dataclass(frozen=True, slots=True)
class Quality:
    """Mean opinion scores, 1 (bad) to 5 (excellent): speech, background and both together."""

    signal: float
    background: float
    overall: float


class SpeechQuality:
    """The DNSMOS network, on one thread.

    Raises:
        WeightsError: the file is missing or is not this network.
    """

    def __init__(self, weights: Path) -> None:
        if not weights.is_file():
            raise WeightsError(f"{weights}: is missing; run 'parley models get {WEIGHTS_NAME}'")
        self._session = open_session(weights)

    def score(self, samples: Samples) -> Quality:
        """Return the mean over windows of 9 s, one second apart; shorter speech is repeated.

        Args:
            samples: float32 (n,), mono at 16 kHz, n > 0.
        """
        raws = np.stack([self._raw(window) for window in _windows(samples)])  # (windows, 3)
        signal, background, overall = (float(raw) for raw in raws.mean(axis=0))
        return Quality(
            float(np.polyval(_SIGNAL_FIT, signal)),
            float(np.polyval(_BACKGROUND_FIT, background)),
            float(np.polyval(_OVERALL_FIT, overall)),
        )

    def _raw(self, window: Samples) -> npt.NDArray[np.float32]:
        outputs = self._session.run(None, {"input_1": window[None]})  # (1, 3)
        return np.asarray(outputs[0], np.float32)[0]


def _windows(samples: Samples) -> list[Samples]:
    clipped = np.clip(np.asarray(samples, np.float32), -1.0, 1.0)
    n_repeats = -(-_WINDOW // len(clipped))
    whole = np.tile(clipped, n_repeats)
    return [whole[at : at + _WINDOW] for at in range(0, len(whole) - _WINDOW + 1, _HOP)]
