"""The spotter's network in numpy: causal convolutions over log mels, a decision every 40 ms.

Two convolutions of five taps halve the rate twice, then come residual blocks of three dilated taps.
There is no recurrence: what was heard more than ``memory_s`` ago has no influence at all. All state
is what the taps still need of the past; a whole recording is nothing but its steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ
from model.duplex.duplex_network import read_tensors
from model.duplex.log_mel import FRAME, N_MELS
from model.duplex.spotter.card import RESTORE, SpotterCard, SpotterShape, read_card
from model.errors import WeightsError

STEP_FRAMES = 4  # frames of 10 ms between two decisions
N_SOUNDS = 3  # cancelled microphone, raw microphone, loudspeaker
N_INPUTS = N_SOUNDS * N_MELS
SILENT_MEL = -1.6  # what a log mel of digital silence is
_TAPS, _BLOCK_TAPS = 5, 3
_ZERO = np.float32(0.0)

CARD_NAME, WEIGHTS_NAME = "spotter.json", "spotter.safetensors"

Array = npt.NDArray[np.float32]


def weight_shapes(shape: SpotterShape, n_classes: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors by name; the taps of a convolution lie side by side."""
    front, width, inner = shape.front_width, shape.width, shape.block_width
    shapes: dict[str, tuple[int, ...]] = {
        "mean": (N_INPUTS,),
        "std": (N_INPUTS,),
        "front.0.weight": (front, _TAPS * N_INPUTS),
        "front.0.bias": (front,),
        "front.1.weight": (width, _TAPS * front),
        "front.1.bias": (width,),
        "head.weight": (shape.head_width, width),
        "head.bias": (shape.head_width,),
        "output.weight": (n_classes, shape.head_width),
        "output.bias": (n_classes,),
    }
    for i in range(len(shape.dilations)):
        shapes |= {
            f"blocks.{i}.in.weight": (inner, _BLOCK_TAPS * width),
            f"blocks.{i}.in.bias": (inner,),
            f"blocks.{i}.out.weight": (width, inner),
            f"blocks.{i}.out.bias": (width,),
        }
    return shapes


@dataclass(frozen=True, slots=True)
class SpotterState:
    """What the taps need of the past: one array (n_past, channels) a convolution, read-only."""

    pasts: tuple[Array, ...]


class SpotterNetwork:
    """The network; ``weights`` are float32, of the shapes of ``weight_shapes``."""

    def __init__(self, card: SpotterCard, weights: Mapping[str, Array]) -> None:
        self.card = card
        self.n_parameters = sum(weight.size for weight in weights.values())
        self._weights = {name: np.ascontiguousarray(weight) for name, weight in weights.items()}
        self._scale: Array = np.reciprocal(weights["std"])

    @property
    def weights(self) -> dict[str, Array]:
        """Return the tensors by name."""
        return dict(self._weights)

    @property
    def memory_s(self) -> float:
        """Return for how long a sound can influence decisions."""
        steps = (_BLOCK_TAPS - 1) * sum(self.card.shape.dilations)
        frames = STEP_FRAMES * (steps + 1) + 3 * (_TAPS - 2) + 2
        return frames * FRAME / ENGINE_RATE_HZ

    @cached_property
    def silent_state(self) -> SpotterState:
        """Return the state after silence for longer than the memory."""
        shape = self.card.shape
        silence = np.full((1, N_INPUTS), SILENT_MEL, np.float32)
        x = self._normal(silence)
        pasts = [np.repeat(x, _TAPS - 2, axis=0)]
        x = self._front(0, np.repeat(x, _TAPS, axis=0), stride=1)
        pasts.append(np.repeat(x, _TAPS - 2, axis=0))
        x = self._front(1, np.repeat(x, _TAPS, axis=0), stride=1)
        for i, dilation in enumerate(shape.dilations):
            n_past = (_BLOCK_TAPS - 1) * dilation
            pasts.append(np.repeat(x, n_past, axis=0))
            x = self._block(i, np.repeat(x, n_past + 1, axis=0), dilation)
        for past in pasts:
            past.flags.writeable = False
        return SpotterState(tuple(pasts))

    def silent_trunk(self, n: int) -> Array:
        """Return what the trunk makes of ``n`` steps of silence, (n, width)."""
        silence = np.full((STEP_FRAMES, N_INPUTS), SILENT_MEL, np.float32)
        trunk, _ = self.listen(silence, self.silent_state)
        return np.repeat(trunk, n, axis=0)

    def advance(self, mels: Array, state: SpotterState) -> tuple[Array, SpotterState]:
        """Return logits (n, n_classes) and the next state for float32 (4 n, 120), any n."""
        trunk, state = self.listen(mels, state)
        return self.classify(trunk), state

    def listen(self, mels: Array, state: SpotterState) -> tuple[Array, SpotterState]:
        """Return what the trunk makes of it, (n, width), and the next state."""
        pasts: list[Array] = []

        def with_past(x: Array) -> Array:
            past = state.pasts[len(pasts)]
            whole = np.concatenate([past, x])
            kept = whole[len(whole) - len(past) :]
            kept.flags.writeable = False
            pasts.append(kept)
            return whole

        x = self._front(0, with_past(self._normal(mels)), stride=2)
        x = self._front(1, with_past(x), stride=2)
        for i, dilation in enumerate(self.card.shape.dilations):
            x = self._block(i, with_past(x), dilation)
        return x, SpotterState(tuple(pasts))

    def classify(self, trunk: Array) -> Array:
        """Return logits (n, n_classes) of (n, width)."""
        weights = self._weights
        head = np.maximum(trunk @ weights["head.weight"].T + weights["head.bias"], _ZERO)
        return head @ weights["output.weight"].T + weights["output.bias"]

    def _normal(self, mels: Array) -> Array:
        normal: Array = (mels - self._weights["mean"]) * self._scale
        return normal

    def _front(self, index: int, x: Array, stride: int) -> Array:
        n = len(x) - _TAPS + 1
        taps = [x[k : k + n : stride] for k in range(_TAPS)]
        return self._relu(np.concatenate(taps, axis=1), f"front.{index}")

    def _block(self, index: int, x: Array, dilation: int) -> Array:
        n = len(x) - (_BLOCK_TAPS - 1) * dilation
        taps = [x[k * dilation : k * dilation + n] for k in range(_BLOCK_TAPS)]
        inner = self._relu(np.concatenate(taps, axis=1), f"blocks.{index}.in")
        weights, name = self._weights, f"blocks.{index}.out"
        added: Array = inner @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return taps[-1] + added

    def _relu(self, rows: Array, name: str) -> Array:
        weights = self._weights
        return np.maximum(rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"], _ZERO)


def probabilities(logits: Array) -> Array:
    """Return the softmax over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def read_spotter(folder: Path) -> SpotterNetwork:
    """Read ``spotter.json`` and ``spotter.safetensors`` of ``folder``.

    Raises WeightsError with one line that names file, key and remedy.
    """
    card = read_card(folder / CARD_NAME)
    path = folder / WEIGHTS_NAME
    wanted = weight_shapes(card.shape, len(card.classes))
    weights = read_tensors(path, lambda _: wanted, RESTORE)
    if not (weights["std"] > 0.0).all():
        raise WeightsError(f"{path}: std: must be above 0 everywhere; {RESTORE}")
    return SpotterNetwork(card, weights)
