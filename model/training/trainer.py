"""The training loop of a stage: steps of packed rows, saved and resumed exactly.

A step has the same rows and the same losses however many processes share it: the backbone's loss is
the mean over all targets of the step, a module's the mean over the rows' means, as upstream. Knows
no stage's start and no recipe file.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from tqdm import tqdm

from model.training.optimizer import set_rates
from model.training.recipe import Recipe, Stage, TrainingError
from model.training.schedule import rate_factor

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor, nn

    from model.training.checkpoints import Checkpoints
    from model.training.data.batch import PackedBatch
    from model.training.data.loader import PackedRows
    from model.training.journal import Journal
    from model.vita_audio.language_model.packed_losses import PackedLosses

logger = logging.getLogger(__name__)

Observe = Callable[[int, "Journal"], Mapping[str, Any]]
OpenJournal = Callable[[int], "Journal"]
_MIB = 1 << 20
_TERMINAL_REFRESH_S, _LOG_REFRESH_S = 0.2, 10.0


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step measured, over all processes.

    Attributes:
        levels: (K,) loss of each MCTP module.
        rate: of the backbone, or of all that learns.
    """

    loss: float
    main_loss: float
    levels: tuple[float, ...]
    gradient_norm: float
    rate: float
    n_tokens: int
    seconds: float

    def as_record(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "loss": self.loss,
            "main_loss": self.main_loss,
            "level_losses": list(self.levels),
            "gradient_norm": self.gradient_norm,
            "rate": self.rate,
            "n_tokens": self.n_tokens,
            "seconds": round(self.seconds, 4),
            "tokens_per_s": round(self.n_tokens / self.seconds, 1),
        }
        if torch.cuda.is_available():
            record["memory_mib"] = torch.cuda.max_memory_allocated() // _MIB
        return record


class _Bar(tqdm):  # pyright: ignore[reportMissingTypeArgument]
    """A bar without tqdm's watching thread: every step reports by itself."""

    monitor_interval = 0


class Trainer:
    """One stage; ``model`` and ``optimizer`` are prepared by ``accelerator``."""

    def __init__(
        self,
        accelerator: Accelerator,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        rows: PackedRows,
        recipe: Recipe,
        stage: Stage,
    ) -> None:
        self._accelerator = accelerator
        self._model = model
        self._optimizer = optimizer
        self._rows = rows
        self._stage = stage
        self._clip = recipe.adam.clip
        self._n_own = accelerator.gradient_accumulation_steps
        self._last_loss = math.nan

    def train(
        self,
        checkpoints: Checkpoints,
        settings: Mapping[str, Any],
        open_journal: OpenJournal,
        observe: Observe,
    ) -> None:
        """Runs the steps that are not done yet, and writes the finished model.

        Args:
            settings: what a run must have been begun with to go on here.
            open_journal: of the number of steps that are done.
            observe: called on the main process with the number of steps done, at the beginning
                and whenever it is saved; returns what stands in the journal beside the losses.

        Raises:
            TrainingError: a loss is no number, or the disk is full.
        """
        n_steps = self._stage.steps
        n_done = checkpoints.resume(settings, self._rows.load_state_dict)
        if n_done:
            logger.info("going on after step %d", n_done)
        is_main = self._accelerator.is_main_process
        self._model.train()
        with open_journal(n_done) as journal:
            before = observe(0, journal) if is_main and n_done == 0 else {}
            for step in self._shown(range(n_done, n_steps)):
                record = self.step(step).as_record()
                is_saved = self._is_saved(step + 1)
                if is_main:
                    record |= {"before": before} if step == 0 and before else {}
                    record |= observe(step + 1, journal) if is_saved else {}
                    journal.write(step, record)
                if is_saved and step + 1 < n_steps:
                    rows = self._rows.state_dict()
                    checkpoints.save(step + 1, self._model, settings, rows)
        checkpoints.finish(self._model)

    def _shown(self, steps: range) -> Iterator[int]:
        """The steps, with a bar for the person at the main process."""
        is_terminal = sys.stderr.isatty()
        with _Bar(
            total=steps.stop,
            initial=steps.start,
            unit="step",
            disable=not self._accelerator.is_main_process,
            mininterval=_TERMINAL_REFRESH_S if is_terminal else _LOG_REFRESH_S,
        ) as bar:
            for step in steps:
                yield step
                bar.set_postfix_str(f"loss {self._last_loss:.3f}", refresh=False)
                bar.update()

    def step(self, step: int) -> StepReport:
        """One step of the optimizer."""
        began_s = time.perf_counter()
        accelerator = self._accelerator
        stage = self._stage
        batches = [next(self._rows) for _ in range(self._n_own)]
        counts = torch.tensor(
            [[batch.n_targets, batch.n_tokens] for batch in batches], device=accelerator.device
        ).sum(dim=0)
        n_targets, n_tokens = self._total(counts).tolist()
        rate = set_rates(
            self._optimizer, rate_factor(step, stage.steps, stage.warm_up, stage.floor)
        )
        sums, norm = self._learn(batches, n_targets / stage.rows)
        loss, main_loss, *levels = (self._total(sums) / stage.rows).tolist()
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss of step {step} is {loss}; lower the rate and begin again from the last "
                "saved step"
            )
        self._last_loss = loss
        seconds = time.perf_counter() - began_s
        return StepReport(loss, main_loss, tuple(levels), norm, rate, n_tokens, seconds)

    def _total(self, of_process: Tensor) -> Tensor:
        return cast("Tensor", self._accelerator.reduce(of_process, "sum"))

    def _learn(self, batches: list[PackedBatch], targets_per_row: float) -> tuple[Tensor, float]:
        """Sums of the losses of this process's rows, and the length of the gradient."""
        accelerator = self._accelerator
        norm = 0.0
        parts: list[Tensor] = []
        divisor = torch.tensor(targets_per_row, device=accelerator.device)
        for batch in batches:
            with accelerator.accumulate(self._model):
                inputs = batch.to(accelerator.device).inputs()
                losses: PackedLosses = self._model(**inputs, num_items_in_batch=divisor)
                accelerator.backward(losses.loss)
                if accelerator.sync_gradients:
                    parameters = self._model.parameters()
                    length = accelerator.clip_grad_norm_(parameters, self._clip)
                    norm = 0.0 if length is None else float(length)
                self._optimizer.step()
                self._optimizer.zero_grad()
            parts.append(torch.cat(list(_flat(losses))).detach().double())
        return torch.stack(parts).sum(dim=0), norm

    def _is_saved(self, n_done: int) -> bool:
        """Evenly over the stage; the end is one of them."""
        stage = self._stage
        return n_done * stage.saves // stage.steps != (n_done - 1) * stage.saves // stage.steps


def _flat(losses: PackedLosses) -> Iterator[Tensor]:
    for one in (losses.loss, losses.main_loss, losses.level_losses):
        assert one is not None
        yield one.float().reshape(-1)
