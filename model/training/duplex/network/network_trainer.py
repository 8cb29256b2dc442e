"""Training of the duplex network: epochs, validation, early stop, a state that resumes exactly.

Every epoch draws its own randomness from the seed and its number, so that a run that was stopped
goes on as if it had not been.
"""

import copy
import math
import pickle
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model.duplex.duplex_network import Array
from model.duplex.frame_features import N_FEATURES, N_FRAMES, feature_slices
from model.duplex.log_mel import N_MELS
from model.duplex.outcomes import NOT_SCORED
from model.files.whole_file import replacing
from model.training.duplex.data.dataset import Clip
from model.training.duplex.errors import DataError
from model.training.duplex.network.batches import Batch, disturb, in_order, pack, shuffled
from model.training.duplex.network.torch_network import TorchDuplexNetwork, masked

_LEAST_STD = 0.1  # a flag that is hardly ever set must not be blown up
_WARM_UP_STEPS = 100  # or a tenth of a short run
_LAST_RATE = 0.02  # of the highest, at the last epoch
_GRADIENT_LIMIT = 1.0
_AVERAGED_STEPS = 200  # that a running mean of the weights remembers; fewer at the beginning


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a network is trained.

    Attributes:
        rate: highest learning rate of AdamW.
        patience: epochs without a better validation loss after which it stops.
        marked_weight: weight of moments that a person complained about.
    """

    epochs: int = 36
    batch_clips: int = 16
    rate: float = 2e-3
    weight_decay: float = 0.02
    dropout: float = 0.4
    patience: int = 8
    marked_weight: float = 3.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Epoch:
    """A line of the learning curve; losses are weighted means in nats."""

    number: int
    train_loss: float
    val_loss: float


class Trainer:
    """Fits ``network`` to ``train`` and keeps the weights that were best on ``val``.

    What is validated and kept is a running mean of the weights (Polyak and Juditsky 1992).

    Attributes:
        average: the running mean.
        curve: the epochs so far.
        best: the best of them; None before the first.
    """

    def __init__(
        self,
        network: TorchDuplexNetwork,
        train: Sequence[Clip],
        val: Sequence[Clip],
        settings: TrainingSettings,
        device: torch.device,
    ) -> None:
        self.network = network.to(device)
        self.settings = settings
        self.curve: list[Epoch] = []
        self.best: Epoch | None = None
        self.average = copy.deepcopy(self.network).eval().requires_grad_(requires_grad=False)
        self._best_weights = network.weights()
        self._train = list(train)
        self._val = [pack(clips) for clips in in_order(val, settings.batch_clips)]
        self._device = device
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay
        )

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or patience is."""
        if len(self.curve) >= self.settings.epochs:
            return True
        waited = 0 if self.best is None else len(self.curve) - self.best.number
        return waited >= self.settings.patience

    @property
    def n_steps(self) -> int:
        """The number of the optimizer's steps in an epoch."""
        return math.ceil(len(self._train) / self.settings.batch_clips)

    def best_weights(self) -> dict[str, Array]:
        """Return the weights of the best epoch."""
        return dict(self._best_weights)

    def run_epoch(self, tick: Callable[[], None]) -> Epoch:
        """Train an epoch; ``tick`` is called after every step of the optimizer."""
        number = len(self.curve) + 1
        rng = np.random.default_rng([self.settings.seed, number])
        torch.manual_seed(int(rng.integers(2**31)))
        self.network.train()
        total = weight = 0.0
        batches = shuffled(self._train, self.settings.batch_clips, rng)
        for index, clips in enumerate(batches):
            batch = pack(clips, self.settings.marked_weight)
            disturb(batch.features, rng)
            step = (number - 1) * self.n_steps + index
            self._set_rate(step)
            loss, n = self._step(batch.to(self._device))
            self._average_in(step)
            total += loss * n
            weight += n
            tick()
        epoch = Epoch(number, total / max(weight, 1e-9), self.val_loss())
        self.curve.append(epoch)
        if self.best is None or epoch.val_loss < self.best.val_loss:
            self.best = epoch
            self._best_weights = self.average.weights()
        return epoch

    def val_loss(self) -> float:
        """Return the loss of the running mean on the validation clips."""
        total = weight = 0.0
        with torch.no_grad():
            for stored in self._val:
                batch = stored.to(self._device)
                loss, n = weighted_loss(self.average(batch.features), batch)
                total += float(loss) * n
                weight += n
        return total / max(weight, 1e-9)

    def _set_rate(self, step: int) -> None:
        whole = max(self.settings.epochs * self.n_steps, 1)
        cosine = 0.5 * (1.0 + math.cos(math.pi * step / whole))
        warm = min(1.0, (step + 1) / min(_WARM_UP_STEPS, max(whole // 10, 1)))
        rate = self.settings.rate * warm * (_LAST_RATE + (1.0 - _LAST_RATE) * cosine)
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def _step(self, batch: Batch) -> tuple[float, float]:
        loss, n = weighted_loss(self.network(batch.features), batch)
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _GRADIENT_LIMIT)
        self._optimizer.step()
        return float(loss.detach()), n

    @torch.no_grad()
    def _average_in(self, step: int) -> None:
        share = max(1.0 / (step + 1), 1.0 / _AVERAGED_STEPS)
        for mean, weight in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(weight, share)

    def save(self, path: Path, data_hash: str) -> None:
        """Write everything that ``resume`` needs; the file is replaced at once."""
        state = {
            "settings": asdict(self.settings),
            "data": data_hash,
            "curve": [asdict(epoch) for epoch in self.curve],
            "best": {name: torch.from_numpy(w) for name, w in self._best_weights.items()},
            **{name: part.state_dict() for name, part in self._parts.items()},
        }
        with replacing(path) as partial:
            torch.save(state, partial)

    def resume(self, path: Path, data_hash: str) -> None:
        """Go on from what ``save`` wrote.

        Raises:
            DataError: the state is damaged, or of other data or settings.
        """
        remedy = "delete it to begin again"
        try:
            state = torch.load(path, self._device, weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise DataError(f"{path} cannot be read ({error}); {remedy}") from error
        for key, now in (("settings", asdict(self.settings)), ("data", data_hash)):
            if state.get(key) != now:
                raise DataError(f"{path}: {key}: the run was begun with others; {remedy}")
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self._best_weights = {name: w.cpu().numpy() for name, w in state["best"].items()}
        self.curve = [Epoch(**row) for row in state["curve"]]
        self.best = min(self.curve, key=lambda epoch: (epoch.val_loss, epoch.number))

    @property
    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {"now": self.network, "average": self.average, "optimizer": self._optimizer}


def weighted_loss(logits: Tensor, batch: Batch) -> tuple[Tensor, float]:
    """Return cross entropy over the outcomes that compete, and the sum of the steps' weights."""
    competing = masked(logits, batch.is_overlap).flatten(0, 1)
    outcomes = batch.outcomes.flatten()
    losses = functional.cross_entropy(
        competing, outcomes, ignore_index=NOT_SCORED, reduction="none"
    )
    weights = batch.weights.flatten()
    total = weights.sum()
    return (losses * weights).sum() / total.clamp_min(1e-9), float(total)


def normalisation(clips: Sequence[Clip]) -> tuple[Array, Array]:
    """Return mean and deviation, (N_FEATURES,); a mel band has one of each for all its frames."""
    n = sum(clip.n_steps for clip in clips)
    sums, squares = np.zeros(N_FEATURES), np.zeros(N_FEATURES)
    for clip in clips:
        features = clip.features.astype(np.float64)
        sums += features.sum(axis=0)
        squares += np.square(features).sum(axis=0)
    mean, second = sums / max(n, 1), squares / max(n, 1)
    mel = feature_slices()["mel"]
    for moments in (mean, second):
        moments[mel] = np.tile(moments[mel].reshape(N_FRAMES, N_MELS).mean(axis=0), N_FRAMES)
    std = np.sqrt(np.maximum(second - np.square(mean), 0.0))
    return mean.astype(np.float32), np.maximum(std, _LEAST_STD).astype(np.float32)


def logits_of(
    network: TorchDuplexNetwork, clips: Sequence[Clip], device: torch.device
) -> dict[str, Array]:
    """Return clip id -> logits, float32 (t, 5)."""
    network.eval()
    found: dict[str, Array] = {}
    with torch.no_grad():
        for group in in_order(clips, 32):
            batch = pack(group)
            logits = network(batch.features.to(device)).cpu().numpy()
            found |= {c.id: row[: c.n_steps] for c, row in zip(group, logits, strict=True)}
    return found
