"""The training loop of a stage: steps of packed rows, saved and resumed exactly.

A step has the same rows and the same losses however many processes share it: the backbone's loss is
the mean over all targets of the step, a module's the mean over the rows' means, as upstream.
"""

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from model.training.checkpoints import Checkpoints
from model.training.data.loader import PackedRows
from model.training.data.packing import PackedRow
from model.training.journal import Journal
from model.training.optimizer import rate_factor, set_rates
from model.training.recipe import TrainingError
from model.training.stage_command import StageRun
from model.vita_audio.language_model.packed_losses import PackedLosses

logger = logging.getLogger(__name__)

Observe = Callable[[int, Journal], Mapping[str, Any]]
_MIB = 1 << 20
_TERMINAL_REFRESH_S, _LOG_REFRESH_S = 0.2, 10.0


class _Bar(tqdm):  # pyright: ignore[reportMissingTypeArgument]
    """A bar without tqdm's watching thread: every step reports by itself."""

    monitor_interval = 0


class TrainingLoop:
    """The steps of one stage; ``model`` and ``optimizer`` are prepared by ``accelerator``."""

    def __init__(
        self,
        run: StageRun,
        accelerator: Accelerator,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        rows: PackedRows,
    ) -> None:
        self._stage = run.stage
        self._folder = run.out
        self._clip = run.recipe.adam.clip
        self._accelerator = accelerator
        self._model = model
        self._optimizer = optimizer
        self._rows = rows

    def run(self, checkpoints: Checkpoints, observe: Observe) -> None:
        """Run the steps that are not done yet, and write the finished model.

        Args:
            observe: called on the main process with the number of steps done, at the beginning
                and whenever it is saved; returns what stands in the journal beside the losses.

        Raises:
            TrainingError: a loss is no number, or the disk is full.
        """
        n_steps = self._stage.steps
        n_done = checkpoints.resume(self._rows.load_state_dict)
        if n_done:
            logger.info("going on after step %d", n_done)
        is_main = self._accelerator.is_main_process
        self._model.train()
        with Journal(self._folder, n_done, is_written=is_main) as journal, self._bar(n_done) as bar:
            before = observe(0, journal) if is_main and n_done == 0 else {}
            for step in range(n_done, n_steps):
                record = self._step(step)
                is_saved = self._is_saved(step + 1)
                if is_main:
                    record |= {"before": before} if step == 0 and before else {}
                    record |= observe(step + 1, journal) if is_saved else {}
                    journal.write(step, record)
                if is_saved and step + 1 < n_steps:
                    checkpoints.save(step + 1, self._model, self._rows.state_dict())
                bar.set_postfix_str(f"loss {record['loss']:.3f}", refresh=False)
                bar.update()
        checkpoints.finish(self._model)

    def _bar(self, n_done: int) -> _Bar:
        return _Bar(
            total=self._stage.steps,
            initial=n_done,
            unit="step",
            disable=not self._accelerator.is_main_process,
            mininterval=_TERMINAL_REFRESH_S if sys.stderr.isatty() else _LOG_REFRESH_S,
        )

    def _step(self, step: int) -> dict[str, Any]:
        """Take a step of the optimizer; return what it measured, over all processes."""
        began_s = time.perf_counter()
        accelerator, stage = self._accelerator, self._stage
        batches = [next(self._rows) for _ in range(accelerator.gradient_accumulation_steps)]
        counts = torch.tensor(
            [[batch.n_targets, batch.n_tokens] for batch in batches], device=accelerator.device
        ).sum(dim=0)
        n_targets, n_tokens = self._total(counts).tolist()
        factor = rate_factor(step, stage.steps, stage.warm_up, stage.floor)
        rate = set_rates(self._optimizer, factor)
        sums, norm = self._learn(batches, n_targets / stage.rows)
        loss, main_loss, *levels = (self._total(sums) / stage.rows).tolist()
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss of step {step} is {loss}; lower the rate and begin again from the last "
                "saved step"
            )
        seconds = time.perf_counter() - began_s
        record = {
            "loss": loss,
            "main_loss": main_loss,
            "level_losses": levels,
            "gradient_norm": norm,
            "rate": rate,
            "n_tokens": n_tokens,
            "seconds": round(seconds, 4),
            "tokens_per_s": round(n_tokens / seconds, 1),
        }
        if torch.cuda.is_available():
            record["memory_mib"] = torch.cuda.max_memory_allocated() // _MIB
        return record

    def _total(self, of_process: Tensor) -> Tensor:
        total: Tensor = self._accelerator.reduce(of_process, "sum")
        return total

    def _learn(self, batches: list[PackedRow], targets_per_row: float) -> tuple[Tensor, float]:
        """Return the summed losses of this process's rows, and the length of the gradient."""
        accelerator = self._accelerator
        norm = 0.0
        found: list[Tensor] = []
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
            found.append(torch.cat(list(_flat(losses))).detach().double())
        return torch.stack(found).sum(dim=0), norm

    def _is_saved(self, n_done: int) -> bool:
        """Return whether a save is due; they are spread evenly and the end is one of them."""
        stage = self._stage
        return n_done * stage.saves // stage.steps != (n_done - 1) * stage.saves // stage.steps


def _flat(losses: PackedLosses) -> Iterator[Tensor]:
    for one in (losses.loss, losses.main_loss, losses.level_losses):
        assert one is not None
        yield one.float().reshape(-1)
