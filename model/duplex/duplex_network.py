"""The duplex network: a vector of evidence every 80 ms, five scores of what the user is doing.

Two encoders (spectra; single numbers), one gated recurrent layer (Cho et al. 2014, in the variant
of cuDNN: the reset gate acts after the matrix), a small head that also sees the encoders. All state
is in an explicit object, a sequence is nothing but steps: streaming equals offline.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.duplex.outcomes import N_OUTCOMES, OVERLAP, USER_FLOOR, Outcome
from model.duplex.predictor_card import RESTORE, NetworkShape
from model.errors import WeightsError
from model.files import tensors as files_tensors

Array = npt.NDArray[np.float32]
FEATURE_LIMIT = 8.0  # standard deviations; a broken device must not blow up the recurrent state


@dataclass(frozen=True, slots=True)
class NetworkState:
    """What the network remembers; ``hidden``: float32 (hidden,), read-only."""

    hidden: Array


def weight_shapes(shape: NetworkShape) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors by name, as torch's Linear and GRUCell lay them out."""
    encoded = shape.sound_width + shape.evidence_width
    n_sound = len(shape.columns(of_sound=True))
    n_evidence = len(shape.columns(of_sound=False))
    gates = 3 * shape.hidden  # reset, update, new
    return {
        "mean": (shape.n_features,),
        "std": (shape.n_features,),
        "sound.weight": (shape.sound_width, n_sound),
        "sound.bias": (shape.sound_width,),
        "evidence.weight": (shape.evidence_width, n_evidence),
        "evidence.bias": (shape.evidence_width,),
        "recurrent.weight_ih": (gates, encoded),
        "recurrent.weight_hh": (gates, shape.hidden),
        "recurrent.bias_ih": (gates,),
        "recurrent.bias_hh": (gates,),
        "head.weight": (shape.head_width, shape.hidden + encoded),
        "head.bias": (shape.head_width,),
        "output.weight": (N_OUTCOMES, shape.head_width),
        "output.bias": (N_OUTCOMES,),
    }


class DuplexNetwork:
    """The network in numpy; ``weights`` are float32, of the shapes of ``weight_shapes``."""

    def __init__(self, shape: NetworkShape, weights: Mapping[str, Array]) -> None:
        self.shape = shape
        self.n_parameters = sum(weight.size for weight in weights.values())
        self._mean = weights["mean"]
        self._scale = np.float32(1.0) / weights["std"]
        self._sound = np.asarray(shape.columns(of_sound=True))
        self._evidence = np.asarray(shape.columns(of_sound=False))
        self._weights = dict(weights)

    @property
    def weights(self) -> dict[str, Array]:
        """Return the tensors by name."""
        return dict(self._weights)

    def initial_state(self) -> NetworkState:
        """Return the state before the first step."""
        return NetworkState(_read_only(np.zeros(self.shape.hidden, np.float32)))

    def step(self, features: Array, state: NetworkState) -> tuple[Array, NetworkState]:
        """Return logits, float32 (5,), and the next state for float32 (n_features,)."""
        encoded = self._encode(features)
        hidden = self._recur(encoded, state.hidden)
        weights = self._weights
        seen = np.concatenate([hidden, encoded])
        head = np.maximum(weights["head.weight"] @ seen + weights["head.bias"], 0.0)
        logits = weights["output.weight"] @ head + weights["output.bias"]
        return logits, NetworkState(_read_only(hidden))

    def sequence(self, features: Array) -> Array:
        """Return logits (t, 5) for float32 (t, n_features) from the beginning."""
        state = self.initial_state()
        rows: list[Array] = []
        for vector in features:
            logits, state = self.step(vector, state)
            rows.append(logits)
        return np.stack(rows) if rows else np.zeros((0, N_OUTCOMES), np.float32)

    def _encode(self, features: Array) -> Array:
        weights = self._weights
        normal = (features - self._mean) * self._scale
        normal = np.clip(normal, -FEATURE_LIMIT, FEATURE_LIMIT)
        sound = weights["sound.weight"] @ normal[self._sound] + weights["sound.bias"]
        evidence = weights["evidence.weight"] @ normal[self._evidence] + weights["evidence.bias"]
        return np.maximum(np.concatenate([sound, evidence]), 0.0)

    def _recur(self, encoded: Array, hidden: Array) -> Array:
        weights, n = self._weights, self.shape.hidden
        of_input: Array = weights["recurrent.weight_ih"] @ encoded + weights["recurrent.bias_ih"]
        of_state: Array = weights["recurrent.weight_hh"] @ hidden + weights["recurrent.bias_hh"]
        gates = _sigmoid(of_input[: 2 * n] + of_state[: 2 * n])
        reset, update = gates[:n], gates[n:]
        new = np.tanh(of_input[2 * n :] + reset * of_state[2 * n :])
        return new + update * (hidden - new)


def probabilities(logits: Array, temperature: float, *, is_overlap: bool) -> Array:
    """Return the softmax over the outcomes that compete now, float32 (5,); the others are 0."""
    rows = list(OVERLAP if is_overlap else USER_FLOOR)
    scaled = logits[rows] / np.float32(temperature)
    powers = np.exp(scaled - scaled.max())
    p = np.zeros(len(Outcome), np.float32)
    p[rows] = powers / powers.sum()
    return p


def _sigmoid(x: Array) -> Array:
    half = np.float32(0.5)
    return half * np.tanh(half * x) + half


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array


def read_network(path: Path, shape: NetworkShape) -> DuplexNetwork:
    """Read the weights. Raises WeightsError; see ``read_tensors``."""
    weights = read_tensors(path, lambda _: weight_shapes(shape), RESTORE)
    if not (weights["std"] > 0.0).all():
        raise WeightsError(f"{path}: std: must be above 0 everywhere; {RESTORE}")
    return DuplexNetwork(shape, weights)


def read_tensors(
    path: Path,
    wanted_of: Callable[[Mapping[str, Array]], Mapping[str, tuple[int, ...]]],
    remedy: str,
) -> dict[str, Array]:
    """Read float32 tensors of the shapes that ``wanted_of`` tells for those in the file.

    Raises WeightsError, which names file, tensor and remedy in one line.
    """
    return files_tensors.read_tensors(path, wanted_of, WeightsError, remedy)
