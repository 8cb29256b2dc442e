"""Trains the spotter on sessions: crops, colours them, goes on where it was interrupted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from model.duplex.log_mel import N_MELS
from model.duplex.spotter.card import SpotterShape
from model.duplex.spotter.network import N_INPUTS, SILENT_MEL, STEP_FRAMES
from model.duplex.spotter.vocabulary import CLASSES, OTHER_SPEECH, Group
from model.files.whole_file import replacing
from model.training.duplex.progress import Progress
from model.training.duplex.spotter.sessions import IGNORED, Heard
from model.training.duplex.spotter.torch_network import TorchSpotter, loss_of

_N_STEPS = 200  # of a crop that are learnt from, 8 s
_DB = 0.04  # a decibel in log mels
_SAVED_EVERY = 100  # batches
_WARM_UP = 0.05  # of all batches
_WEIGHTS = {Group.SPEECH: 1.0, Group.ECHO: 0.7, Group.NOTHING: 0.7}
_WORD_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How long and how hard.

    Attributes:
        hard_share: part of every batch that is drawn by how wrong the network was on it last.
    """

    n_batches: int
    batch: int = 24
    rate: float = 2.5e-3
    decay: float = 2e-3
    hard_share: float = 0.3
    average: float = 0.995
    seed: int = 1


class SpotterTrainer:
    """One run; ``run`` can be called again after an interruption."""

    def __init__(
        self, sessions: Sequence[Heard], shape: SpotterShape, plan: TrainingPlan, folder: Path
    ) -> None:
        torch.manual_seed(plan.seed)
        torch.set_num_threads(1)
        self._plan = plan
        self._sessions = sessions
        self._checkpoint = folder / "spotter.checkpoint"
        self.network = TorchSpotter(shape, len(CLASSES))
        self._averaged = TorchSpotter(shape, len(CLASSES)).eval()
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=plan.rate, weight_decay=plan.decay
        )
        self._weights = torch.tensor(
            [
                1.0 if c.name == OTHER_SPEECH else _WEIGHTS.get(c.group, _WORD_WEIGHT)
                for c in CLASSES
            ]
        )
        self._hardness = np.ones(sum(_n_crops(s) for s in sessions))
        self._places = [(i, j) for i, s in enumerate(sessions) for j in range(_n_crops(s))]
        self._set_scale()

    @property
    def averaged(self) -> TorchSpotter:
        """Return the network with weights averaged over the last batches, for use."""
        return self._averaged

    def run(self) -> list[float]:
        """Train to the end of the plan; return the losses of each hundred batches."""
        done, losses = self._resumed()
        plan = self._plan
        with Progress(plan.n_batches, "batches") as progress:
            progress.update(done)
            total = 0.0
            for number in range(done, plan.n_batches):
                total += self._step(number)
                progress.update()
                if (number + 1) % _SAVED_EVERY == 0 or number + 1 == plan.n_batches:
                    losses.append(total / ((number % _SAVED_EVERY) + 1))
                    total = 0.0
                    self._save(number + 1, losses)
        return losses

    def _step(self, number: int) -> float:
        plan = self._plan
        rng = np.random.default_rng([plan.seed, number])
        torch.manual_seed(int(rng.integers(2**31)))  # of the dropout
        for group in self._optimizer.param_groups:
            group["lr"] = plan.rate * _schedule(number / plan.n_batches)
        chosen = self._chosen(rng)
        mels, labels = self._batch(chosen, rng)
        self.network.train()
        logits = self.network(mels)
        loss = loss_of(logits, labels, self._weights)
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self._optimizer.step()
        self._average(number)
        self._note_hardness(chosen, logits.detach(), labels)
        return loss.item()

    def _chosen(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        n_hard = round(self._plan.batch * self._plan.hard_share)
        easy = rng.integers(len(self._places), size=self._plan.batch - n_hard)
        p = self._hardness / self._hardness.sum()
        return np.concatenate([easy, rng.choice(len(p), n_hard, p=p)])

    def _batch(
        self, chosen: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        context = self.network.n_context
        n = context + STEP_FRAMES * _N_STEPS
        mels = np.full((len(chosen), n, N_INPUTS), SILENT_MEL, np.float32)
        labels = np.full((len(chosen), _N_STEPS), IGNORED, np.int64)
        for row, place in enumerate(chosen):
            session, crop = self._places[place]
            heard = self._sessions[session]
            at = crop * STEP_FRAMES * _N_STEPS + int(
                rng.integers(-STEP_FRAMES * 40, STEP_FRAMES * 40)
            )
            at = max(0, min(at, max(0, len(heard.labels) - STEP_FRAMES * _N_STEPS)))
            first = max(0, at - context)
            part = heard.mels[first : at + STEP_FRAMES * _N_STEPS]
            begin = context - (at - first)
            mels[row, begin : begin + len(part)] = part
            wanted = heard.labels[at + STEP_FRAMES - 1 : at + STEP_FRAMES * _N_STEPS : STEP_FRAMES]
            labels[row, : len(wanted)] = wanted
        _coloured(mels, rng)
        return torch.from_numpy(mels), torch.from_numpy(labels)

    def _average(self, number: int) -> None:
        kept = min(self._plan.average, (number + 1.0) / (number + 10.0))
        with torch.no_grad():
            ours, new = self._averaged.state_dict(), self.network.state_dict()
            for name, value in ours.items():
                if value.dtype.is_floating_point:
                    value.mul_(kept).add_(new[name], alpha=1.0 - kept)
                else:
                    value.copy_(new[name])

    def _note_hardness(
        self, chosen: npt.NDArray[np.int64], logits: torch.Tensor, labels: torch.Tensor
    ) -> None:
        worst = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), reduction="none", ignore_index=-1
        ).view(labels.shape)
        found = worst.topk(20, dim=1).values.mean(dim=1).numpy()
        self._hardness[chosen] = 0.05 + np.minimum(found, 6.0)

    def _set_scale(self) -> None:
        some = np.concatenate([s.mels[::7].astype(np.float32) for s in self._sessions[:100]])
        for network in (self.network, self._averaged):
            network.mean.copy_(torch.from_numpy(some.mean(axis=0)))
            network.std.copy_(torch.from_numpy(some.std(axis=0) + 0.05))

    def _save(self, done: int, losses: list[float]) -> None:
        with replacing(self._checkpoint) as partial:
            torch.save(
                {
                    "plan": repr(self._plan), "done": done, "losses": losses,
                    "network": self.network.state_dict(), "averaged": self._averaged.state_dict(),
                    "optimizer": self._optimizer.state_dict(), "hardness": self._hardness,
                },
                partial,
            )  # fmt: skip

    def _resumed(self) -> tuple[int, list[float]]:
        if not self._checkpoint.is_file():
            return 0, []
        kept = torch.load(self._checkpoint, weights_only=False)
        if kept["plan"] != repr(self._plan) or len(kept["hardness"]) != len(self._hardness):
            return 0, []
        self.network.load_state_dict(kept["network"])
        self._averaged.load_state_dict(kept["averaged"])
        self._optimizer.load_state_dict(kept["optimizer"])
        self._hardness = kept["hardness"]
        return kept["done"], kept["losses"]


def _n_crops(session: Heard) -> int:
    return max(1, -(-len(session.labels) // (STEP_FRAMES * _N_STEPS)))


def _schedule(progress: float) -> float:
    """Rise, then fall along a cosine to a hundredth."""
    if progress < _WARM_UP:
        return 0.05 + 0.95 * progress / _WARM_UP
    return 0.01 + 0.99 * 0.5 * (1.0 + float(np.cos(np.pi * (progress - _WARM_UP) / (1 - _WARM_UP))))


def _coloured(mels: npt.NDArray[np.float32], rng: np.random.Generator) -> None:
    """Change levels, the microphone's colour, and what is missing; in place."""
    sounds = mels.reshape(len(mels), -1, N_INPUTS // N_MELS, N_MELS)
    band = np.linspace(-1.0, 1.0, N_MELS, dtype=np.float32)
    for row in sounds:
        curve = rng.normal(0.0, 3.0) + rng.normal(0.0, 2.0) * band + rng.normal(0.0, 2.0) * band**2
        row[:, :2] += (_DB * curve).astype(np.float32)
        row[:, 2] += np.float32(_DB * rng.normal(0.0, 3.0))
        if rng.random() < 0.08:
            row[:, 1] = row[:, 0]
        if rng.random() < 0.3:
            first = int(rng.integers(0, N_MELS - 4))
            row[:, :2, first : first + int(rng.integers(1, 5))] = row[:, :2].mean()
    np.maximum(mels, SILENT_MEL, out=mels)
