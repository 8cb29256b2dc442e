"""Saved steps of a stage: a model folder in the published layout, and all that a run goes on from.

    OUT/steps/000400/model/    loads like any VITA-Audio folder
    OUT/steps/000400/state/    weights in full, optimizer, random numbers, place in the data
    OUT/model/                 the finished stage

A folder is there as a whole or not at all, whatever interrupts the writing. Optimizer and random
numbers are saved by accelerate, for one process as for many.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import msgspec
from accelerate import Accelerator, PartialState
from safetensors import SafetensorError
from torch import nn

from model.files.records import read_json
from model.training.lora import merged
from model.training.recipe import Recipe, TrainingError
from model.training.vocabulary import copy_tokenizer
from model.vita_audio.checkpoint.directory import CONFIG, SPEECH_DECODER, SPEECH_TOKENIZER
from model.vita_audio.decoding.schedule import VANILLA
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.language_model.published_layout import write_configuration, write_shards
from model.vita_audio.language_model.text_tokenizer import TextTokenizer

logger = logging.getLogger(__name__)

STEPS, MODEL, _STATE, _PROGRESS = "steps", "model", "state", "progress.json"
_ROWS = "rows-{rank}.json"
_HEAD_KEY = "lm_head.weight"
# In what torch.save says when a file cannot be written in full; it raises nothing narrower.
_TORCH_WRITER = ("PytorchStreamWriter", "inline_container", "iostream error")


class _Progress(msgspec.Struct):
    step: int
    settings: dict[str, Any]


def model_folder(folder: Path) -> Path:
    """Return the model in ``folder``: itself, or that of a finished stage or saved step.

    Raises:
        TrainingError: there is none.
    """
    for place in (folder, folder / MODEL):
        if (place / CONFIG).is_file():
            return place
    raise TrainingError(
        f"{folder} holds no model; give --start the folder of the stage before, when it is finished"
    )


class Publisher:
    """Writes the model as others load it.

    Args:
        tokenizer_folder: its files are copied beside the weights.
        parts: folder with the speech tokenizer and decoder, linked beside each model; None: none.
    """

    def __init__(
        self,
        model: VitaAudioForCausalLM,
        recipe: Recipe,
        tokenizer_folder: Path,
        parts: Path | None,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._tokenizer_folder = tokenizer_folder
        self._parts = parts

    def write(self, folder: Path, tensors: Mapping[str, Any]) -> None:
        """Write ``tensors``, the whole state as the training process has it."""
        if self._recipe.lora.rank:
            tensors = merged(tensors, self._recipe.lora)
        config = self._model.config
        if config.tie_word_embeddings:
            tensors = {name: one for name, one in tensors.items() if name != _HEAD_KEY}
        copy_tokenizer(self._tokenizer_folder, folder)
        vocabulary = TextTokenizer.from_directory(folder)
        has_modules = self._model.num_mctp_modules > 0
        pattern = self._recipe.pattern if has_modules else VANILLA.pattern
        write_configuration(folder, config, vocabulary, pattern)
        write_shards(folder, tensors)

    def link_parts(self, folder: Path) -> None:
        """Link what a model in ``folder`` needs to be talked to."""
        for name in (SPEECH_TOKENIZER, SPEECH_DECODER):
            place = folder / name
            if self._parts is None or not (self._parts / name).is_dir() or place.exists():
                continue
            try:
                place.symlink_to((self._parts / name).absolute(), target_is_directory=True)
            except OSError as error:
                logger.info("%s cannot be linked (%s); copy it there to talk to it", place, error)


class Checkpoints:
    """The saved steps of one stage in ``folder``. Every process calls every method."""

    def __init__(
        self, folder: Path, accelerator: Accelerator, publisher: Publisher, keep: int
    ) -> None:
        self._folder = folder
        self._accelerator = accelerator
        self._publisher = publisher
        self._keep = keep

    def resume(self, settings: Mapping[str, Any], load_rows: Callable[..., None]) -> int:
        """Load the newest saved step; return how many steps are done, 0 without one.

        Args:
            settings: what the run must have been begun with.
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
        for name, value in settings.items():
            if progress.settings.get(name) != value:
                raise TrainingError(
                    f"{self._folder} was begun with {name} {progress.settings.get(name)!r} and is "
                    f"asked to go on with {value!r}; choose the same, or another --out"
                )
        rows = sorted(newest.glob(_ROWS.format(rank="*")))
        load_rows(*(read_json(one, dict[str, Any], TrainingError, remedy=remedy) for one in rows))
        try:
            self._accelerator.load_state(str(newest / _STATE))
        except (OSError, RuntimeError, ValueError, KeyError, UnpicklingError) as error:
            reason = " ".join(str(error).partition(". ")[0].split())
            raise TrainingError(f"{newest} cannot be resumed: {reason}; {remedy}") from error
        return progress.step

    def save(
        self,
        n_done: int,
        model: nn.Module,
        settings: Mapping[str, Any],
        rows: Mapping[str, Any],
    ) -> None:
        """Save the run after ``n_done`` steps.

        Args:
            rows: this process's place in the data.

        Raises:
            TrainingError: the disk is full; what was saved before is still there.
        """
        accelerator = self._accelerator
        with whole_folder(self._folder / STEPS / f"{n_done:06d}") as partial:
            accelerator.save_state(str(partial / _STATE))
            place = partial / _ROWS.format(rank=accelerator.process_index)
            place.write_bytes(msgspec.json.encode(rows))
            tensors = accelerator.get_state_dict(model)
            if accelerator.is_main_process:
                self._publisher.write(partial / MODEL, tensors)
                self._publisher.link_parts(partial)
                progress = _Progress(n_done, dict(settings))
                (partial / _PROGRESS).write_bytes(msgspec.json.encode(progress))
        if accelerator.is_main_process:
            for old in self._saved()[: -self._keep]:
                shutil.rmtree(old)

    def finish(self, model: nn.Module) -> None:
        """Write the finished model and remove the saved steps. Raises TrainingError."""
        with whole_folder(self._folder / MODEL) as partial:
            tensors = self._accelerator.get_state_dict(model)
            if self._accelerator.is_main_process:
                self._publisher.write(partial, tensors)
        if self._accelerator.is_main_process:
            self._publisher.link_parts(self._folder)
            shutil.rmtree(self._folder / STEPS, ignore_errors=True)

    def _saved(self) -> list[Path]:
        """Whole ones, oldest first."""
        return sorted((self._folder / STEPS).glob("[0-9]*"))


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
