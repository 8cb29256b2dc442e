"""Logistic regression of the end on evidence that weighs more or less as the silence goes on.

Every pause is asked again and again while it is open; every input counts twice, by itself and times
ln(silence / 0.5 s). Long vectors are reduced to their principal components first. Small enough for
Newton's method in numpy.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.cascade.turn_endings import N_LAST, N_NUMBERS
from model.duplex.end_of_turn.weights import weight_shapes
from model.duplex.policy import REFERENCE_MS
from model.files.tensors import Array
from model.training.duplex.end_of_turn.learning_set import Outcome
from model.training.duplex.end_of_turn.pauses import Pause

ASKED_S = np.array([0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5])
"""Silences at which a pause that is still open is a row."""
STRENGTH = 0.01  # "C" of the penalty on squared weights
N_COMPONENTS = 24
_REFERENCE_S = REFERENCE_MS / 1000.0
_EPS = 1e-6
_N_STEPS = 40

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A pause to learn from.

    Attributes:
        weight: of all its rows.
    """

    pause: Pause
    outcome: Outcome
    weight: float = 1.0


Block = Callable[[Pause], Array | None]


def _part(language: str, begin: int | None, end: int | None) -> Block:
    def part(pause: Pause) -> Array | None:
        ending = pause.ending
        return ending.vector[begin:end] if ending and ending.language == language else None

    return part


def blocks() -> dict[str, tuple[str, slice, Block]]:
    """Return kinds of evidence by name: the weight it becomes a part of, and where, and itself."""
    found: dict[str, tuple[str, slice, Block]] = {}
    tail = N_LAST + N_NUMBERS
    for name, (_, size) in (
        (name, shape) for name, shape in weight_shapes().items() if name.endswith(".weight")
    ):
        kind = name.removesuffix(".weight")
        if not kind.startswith("heard."):
            continue
        language, width = kind.removeprefix("heard."), (size - tail) // 2
        for part, begin, end in (
            ("quiet", 0, width), ("voice", width, 2 * width), ("last", 2 * width, size)
        ):  # fmt: skip
            found[f"{kind}.{part}"] = (kind, slice(begin, end), _part(language, begin, end))
    found["words"] = ("words", slice(None), lambda pause: pause.state)
    found["turn"] = ("turn", slice(None), lambda pause: pause.numbers.vector())
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Reduction:
    """From raw numbers to columns of about unit variance: (x - mean) @ axes."""

    mean: Matrix
    axes: Matrix

    def columns(self, raw: Array | None) -> Matrix:
        if raw is None:
            return np.zeros(self.axes.shape[1])
        return (raw - self.mean) @ self.axes


def _reduction(raw: Matrix, n_components: int) -> _Reduction:
    mean, spread = raw.mean(axis=0), raw.std(axis=0) + _EPS
    scale = np.diag(1.0 / spread)
    if raw.shape[1] <= 2 * n_components:
        return _Reduction(mean, scale)
    normal = (raw - mean) / spread
    _, _, axes = np.linalg.svd(normal, full_matrices=False)
    axes = axes[: min(n_components, len(raw) - 1)].T
    return _Reduction(mean, (axes / ((normal @ axes).std(axis=0) + _EPS)) / spread[:, None])


class EndRegression:
    """Fitted weights; give evidence to ``odds`` or put them into tensors."""

    def __init__(
        self,
        examples: Sequence[Example],
        strength: float = STRENGTH,
        n_components: int = N_COMPONENTS,
        without: Sequence[str] = (),
    ) -> None:
        """Fit. ``without``: beginnings of the names of blocks that are left out."""
        self._blocks = {
            name: block for name, block in blocks().items() if not name.startswith(tuple(without))
        }
        self._reductions: dict[str, _Reduction] = {}
        for name, (_, _, of) in self._blocks.items():
            raw = [row for example in examples if (row := of(example.pause)) is not None]
            if len(raw) > n_components:
                self._reductions[name] = _reduction(np.asarray(raw, np.float64), n_components)
        columns = np.array([self._columns(example.pause) for example in examples])
        self._weights = _fitted(*_rows(examples, columns), strength)

    def odds(self, pauses: Sequence[Pause]) -> tuple[Matrix, Matrix]:
        """Return log-odds after 0.5 s of silence and their rise, (n,) each."""
        columns = np.array([self._columns(pause) for pause in pauses])
        n = columns.shape[1]
        weights = self._weights
        return columns @ weights[:n] + weights[-1], columns @ weights[n : 2 * n] + weights[2 * n]

    def tensors(self) -> Mapping[str, Array]:
        """Return all weights of ``weight_shapes``, float32; missing evidence has zeros."""
        found = {name: np.zeros(shape) for name, shape in weight_shapes().items()}
        n = (len(self._weights) - 2) // 2
        at = 0
        for name, reduction in self._reductions.items():
            kind, where, _ = self._blocks[name]
            size = reduction.axes.shape[1]
            for row, begin in ((0, at), (1, n + at)):
                weight = reduction.axes @ self._weights[begin : begin + size]
                found[f"{kind}.weight"][row, where] = weight
                found[f"{kind}.bias"][row] -= reduction.mean @ weight
            at += size
        # how often each language is an end at all stands in its last column
        for i, kind in enumerate(self._kinds()):
            found[f"{kind}.bias"] += self._weights[[at + i, n + at + i]]
        found["turn.bias"] += self._weights[[-1, 2 * n]]
        return {name: weight.astype(np.float32) for name, weight in found.items()}

    def _kinds(self) -> tuple[str, ...]:
        return tuple(sorted({k for k, _, _ in self._blocks.values() if k.startswith("heard.")}))

    def _columns(self, pause: Pause) -> Matrix:
        parts = [
            reduction.columns(self._blocks[name][2](pause))
            for name, reduction in self._reductions.items()
        ]
        language = "" if pause.ending is None else f"heard.{pause.ending.language}"
        is_heard = np.array([float(language == kind) for kind in self._kinds()])
        return np.concatenate([*parts, is_heard])


def _rows(examples: Sequence[Example], columns: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Return inputs (n, 2 k + 2), truth (n,) and weights (n,): a row for each time it was open."""
    holds_s = np.array([e.pause.seconds for e in examples if e.outcome is Outcome.HOLD])
    holds_s = holds_s[holds_s >= ASKED_S[0]]
    inputs: list[Matrix] = []
    truth: list[float] = []
    weights: list[float] = []
    for example, row in zip(examples, columns, strict=True):
        for silence_s in ASKED_S[example.pause.seconds > ASKED_S]:
            later = np.log(silence_s / _REFERENCE_S)
            inputs.append(np.concatenate([row, row * later, [later, 1.0]]))
            truth.append(float(example.outcome is Outcome.END))
            # who broke off would have gone on as soon as others do
            is_broken = example.outcome is Outcome.BROKEN
            share = float((holds_s > silence_s).mean()) if is_broken and len(holds_s) else 1.0
            weights.append(example.weight * share)
    return np.array(inputs), np.array(truth), np.array(weights)


def _fitted(inputs: Matrix, truth: Matrix, weights: Matrix, strength: float) -> Matrix:
    """Minimise |w|^2 / (2 strength) + the sum of losses, the last weight free, by Newton steps."""
    n = inputs.shape[1]
    penalty = np.full(n, 1.0 / strength)
    penalty[-1] = _EPS
    w = np.zeros(n)
    for _ in range(_N_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(inputs @ w, -30.0, 30.0)))
        gradient = inputs.T @ (weights * (p - truth)) + penalty * w
        curvature = (inputs * (weights * p * (1.0 - p))[:, None]).T @ inputs + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        w -= step
        if np.abs(step).max() < _EPS:
            break
    return w
