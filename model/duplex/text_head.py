"""From a state of the language model to the log-odds that the user's utterance is complete.

Knows neither the words nor the sound: a small network over one state, in numpy.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from model.duplex.text_reader import STATE_SIZE, State
from model.errors import WeightsError

DEFAULT_WEIGHTS = Path(__file__).resolve().parents[2] / "resources/duplex/text_head.safetensors"


class TextHead:
    """Normalises a state of s = ``STATE_SIZE`` values, then two layers.

    Tensors: ``mean`` and ``scale`` (s,), ``hidden.weight`` (h, s), ``hidden.bias`` (h,),
    ``output.weight`` (h,), ``output.bias`` (1,).
    """

    def __init__(self, weights: Path = DEFAULT_WEIGHTS) -> None:
        """Reads the weights.

        Raises:
            WeightsError: one line naming the file, the tensor and the remedy.
        """
        try:
            tensors = safetensors.numpy.load(weights.read_bytes())
        except (OSError, safetensors.SafetensorError) as error:
            raise WeightsError(
                f"{weights}: cannot be read as weights ({error}); reinstall the application"
            ) from error
        n_hidden = tensors["hidden.bias"].size if "hidden.bias" in tensors else 0
        shapes = {
            "mean": (STATE_SIZE,),
            "scale": (STATE_SIZE,),
            "hidden.weight": (n_hidden, STATE_SIZE),
            "hidden.bias": (n_hidden,),
            "output.weight": (n_hidden,),
            "output.bias": (1,),
        }
        for name, shape in shapes.items():
            if name not in tensors or tensors[name].shape != shape:
                found = tensors[name].shape if name in tensors else "nothing"
                raise WeightsError(
                    f"{weights}: tensor {name!r} must be {shape}, found {found}; "
                    "reinstall the application or train it again"
                )
        self._mean = tensors["mean"].astype(np.float32)
        self._scale = tensors["scale"].astype(np.float32)
        self._hidden = tensors["hidden.weight"].astype(np.float32)
        self._hidden_bias = tensors["hidden.bias"].astype(np.float32)
        self._output = tensors["output.weight"].astype(np.float32)
        self._output_bias = float(tensors["output.bias"][0])

    def logit(self, state: State) -> float:
        """Log-odds of "complete", for a word that is the last one as often as not."""
        return float(self.logits(state[None])[0])

    def logits(self, states: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The same for many states: float32 (n, s) to (n,)."""
        normal = (states - self._mean) * self._scale
        # vecdot stays on this thread; a matrix product wakes the others and waits for them
        sums = np.vecdot(normal[:, None, :], self._hidden) + self._hidden_bias  # (n, h)
        scores = np.vecdot(np.maximum(sums, 0.0), self._output) + self._output_bias
        return scores.astype(np.float32)
