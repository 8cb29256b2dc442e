"""Saved steps of a stage: a model folder in the published layout, and all that a run goes on from.

    OUT/steps/000400/model/    loads like any VITA-Audio folder
    OUT/steps/000400/state/    weights in full, optimizer, random numbers, place in the data
    OUT/model/                 the finished stage

A folder is there as a whole or not at all, whatever interrupts the writing. Optimizer and random
numbers are saved by accelerate, for one process as for many.
"""

import logging
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import msgspec
from accelerate import Accelerator, PartialState
from safetensors import SafetensorError
from torch import nn

from model.files.records import read_json
from model.training.lora import merged
from model.training.published_layout import write_configuration, write_shards
from model.training.recipe import TrainingError
from model.training.stage_command import MODEL, StageRun
from model.training.vocabulary import copy_tokenizer
from model.vita_audio.checkpoint.directory import SPEECH_DECODER, SPEECH_TOKENIZER
from model.vita_audio.decoding.schedule import VANILLA
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.language_model.text_tokenizer import TextTokenizer

logger = logging.getLogger(__name__)

_STEPS, _STATE, _PROGRESS = "steps", "state", "progress.json"
_ROWS = "rows-{rank}.json"
_HEAD_KEY = "lm_head.weight"
# In what torch.save says when a file cannot be written in full; it raises nothing narrower.
_TORCH_WRITER = ("PytorchStreamWriter", "inline_container", "iostream error")


class _Progress(msgspec.Struct):
    step: int
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The saved steps of one stage. Every process calls every method.

    Attributes:
        model: as it is without ``accelerator``.
        vocabulary: folder of the tokenizer's files, which are copied beside the weights.
    """

    run: StageRun
    accelerator: Accelerator
    model: VitaAudioForCausalLM
    vocabulary: Path

    def resume(self, load_rows: Callable[..., None]) -> int:
        """Load the newest saved step; return how many steps are done, 0 without one.

        Args:
            load_rows: takes the states of the data, of all processes.

        Raises:
            TrainingError: it was begun with other settings, or cannot be read.
        """
        saved = self._saved()
        if not saved:
            return 0
        newest = saved[-1]
        remedy = "remove this folder to go on from the one before"
        progress = read_json(newest / _PROGRESS, _Progress, TrainingError, remedy=remedy)
        for name, value in self._settings().items():
            if progress.settings.get(name) != value:
                raise TrainingError(
                    f"{self.run.out} was begun with {name} {progress.settings.get(name)!r} and is "
                    f"asked to go on with {value!r}; choose the same, or another --out"
                )
        rows = sorted(newest.glob(_ROWS.format(rank="*")))
        load_rows(*(read_json(one, dict[str, Any], TrainingError, remedy=remedy) for one in rows))
        try:
            self.accelerator.load_state(str(newest / _STATE))
        except (OSError, RuntimeError, ValueError, KeyError, UnpicklingError) as error:
            reason = " ".join(str(error).partition(". ")[0].split())
            raise TrainingError(f"{newest} cannot be resumed: {reason}; {remedy}") from error
        return progress.step

    def save(self, n_done: int, model: nn.Module, rows: Mapping[str, Any]) -> None:
        """Save the run after ``n_done`` steps.

        Args:
            model: as ``accelerator`` has prepared it.
            rows: this process's place in the data.

        Raises:
            TrainingError: the disk is full; what was saved before is still there.
        """
        accelerator = self.accelerator
        with whole_folder(self.run.out / _STEPS / f"{n_done:06d}") as partial:
            accelerator.save_state(str(partial / _STATE))
            place = partial / _ROWS.format(rank=accelerator.process_index)
            place.write_bytes(msgspec.json.encode(rows))
            tensors = accelerator.get_state_dict(model)
            if accelerator.is_main_process:
                self._publish(partial / MODEL, tensors)
                progress = _Progress(n_done, self._settings())
                (partial / _PROGRESS).write_bytes(msgspec.json.encode(progress))
        if accelerator.is_main_process:
            for old in self._saved()[: -self.run.recipe.keep]:
                shutil.rmtree(old)

    def finish(self, model: nn.Module) -> None:
        """Write the finished model and remove the saved steps. Raises TrainingError."""
        with whole_folder(self.run.out / MODEL) as partial:
            tensors = self.accelerator.get_state_dict(model)
            if self.accelerator.is_main_process:
                self._publish(partial, tensors)
        if self.accelerator.is_main_process:
            shutil.rmtree(self.run.out / _STEPS, ignore_errors=True)

    def _publish(self, folder: Path, tensors: Mapping[str, Any]) -> None:
        """Write the model as others load it, and link what it needs to be talked to."""
        recipe, config = self.run.recipe, self.model.config
        if recipe.lora.rank:
            tensors = merged(tensors, recipe.lora)
        if config.tie_word_embeddings:
            tensors = {name: one for name, one in tensors.items() if name != _HEAD_KEY}
        copy_tokenizer(self.vocabulary, folder)
        vocabulary = TextTokenizer.from_directory(folder)
        pattern = recipe.pattern if self.model.num_mctp_modules else VANILLA.pattern
        write_configuration(folder, config, vocabulary, pattern)
        write_shards(folder, tensors)
        for name in (SPEECH_TOKENIZER, SPEECH_DECODER):
            source, place = (self.run.parts or folder) / name, folder.parent / name
            if not source.is_dir() or place.exists():
                continue
            try:
                place.symlink_to(source.absolute(), target_is_directory=True)
            except OSError as error:
                logger.info("%s cannot be linked (%s); copy it there to talk to it", place, error)

    def _settings(self) -> dict[str, Any]:
        """Return what must be the same for a run to go on exactly."""
        recipe, stage, config = self.run.recipe, self.run.stage, self.model.config
        return {
            "stage": self.run.number,
            "steps": stage.steps,
            "rate": stage.rate,
            "warm-up": stage.warm_up,
            "floor": stage.floor,
            "rows": stage.rows,
            "row_length": stage.row_length,
            "pattern": list(recipe.pattern),
            "modules": self.model.num_mctp_modules,
            "layers": self.model.num_backbone_layers,
            "hidden": config.hidden_size,
            "vocabulary": config.vocab_size,
            "lora rank": recipe.lora.rank,
        }

    def _saved(self) -> list[Path]:
        """Return the folders of whole saved steps, oldest first."""
        return sorted((self.run.out / _STEPS).glob("[0-9]*"))


@contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """Yield an empty folder that takes the place of ``target`` when all processes are done.

    What an interrupted run left is removed first, and what is half written when the block fails.

    Raises:
        TrainingError: the disk is full or not writable.
    """
    state = PartialState()
    partial, old = (target.with_name(f".{target.name}.{kind}") for kind in ("partial", "old"))
    try:
        if state.is_main_process:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
        state.wait_for_everyone()
        yield partial
        state.wait_for_everyone()
        if state.is_main_process:
            shutil.rmtree(old, ignore_errors=True)
            if target.exists():
                os.replace(target, old)
            os.replace(partial, target)
            shutil.rmtree(old, ignore_errors=True)
        state.wait_for_everyone()
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        if isinstance(error, RuntimeError):
            if not any(sign in reason for sign in _TORCH_WRITER):
                raise
            reason = "a file could not be written in full"
        place = next(folder for folder in target.parents if folder.is_dir())
        raise TrainingError(
            f"{target} cannot be written: {reason} ({shutil.disk_usage(place).free >> 20} MiB "
            "free); make room and run the same command again: it goes on from the last saved step"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
