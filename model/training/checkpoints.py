"""Saved steps of a stage: a model folder in the published layout, and all that a run goes on from.

    OUT/steps/000400/model/    loads like any VITA-Audio folder
    OUT/steps/000400/state/    weights in full, optimizer, random numbers, place in the data
    OUT/model/                 the finished stage

A folder is there as a whole or not at all. Optimizer and random numbers are saved by accelerate,
for one process as for many. Knows no data and no schedule.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, cast

from model.training.lora import merged
from model.training.recipe import Recipe, TrainingError
from model.training.vocabulary import copy_tokenizer
from model.training.whole_folder import begin_folder, finish_folder, partial_of, writing
from model.vita_audio.checkpoint.directory import CONFIG, SPEECH_DECODER, SPEECH_TOKENIZER
from model.vita_audio.decoding.schedule import VANILLA
from model.vita_audio.language_model.published_layout import write_configuration, write_shards
from model.vita_audio.language_model.text_tokenizer import TextTokenizer

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import nn

    from model.vita_audio.language_model.modeling import VitaAudioForCausalLM

logger = logging.getLogger(__name__)

STEPS, MODEL, _STATE, _PROGRESS = "steps", "model", "state", "progress.json"
_ROWS = "rows-{rank}.json"
_HEAD_KEY = "lm_head.weight"

RowState = Mapping[str, Any]


def model_folder(folder: Path) -> Path:
    """The model in ``folder``: itself, or that of a finished stage or saved step.

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
        """``tensors`` is the whole state, as the training process has it."""
        folder.mkdir()
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
        """Beside a model in ``folder``, so that it can be talked to."""
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

    @property
    def finished(self) -> Path:
        return self._folder / MODEL

    def resume(self, settings: Mapping[str, Any], load_rows: Callable[..., None]) -> int:
        """Loads the newest saved step; returns how many steps are done, 0 without one.

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
        progress = _read_progress(newest / _PROGRESS)
        _require_same(self._folder, progress["settings"], settings)
        states = [
            json.loads(one.read_text()) for one in sorted(newest.glob(_ROWS.format(rank="*")))
        ]
        load_rows(*states)
        try:
            self._accelerator.load_state(str(newest / _STATE))
        except (OSError, RuntimeError, ValueError, KeyError, UnpicklingError) as error:
            reason = " ".join(str(error).partition(". ")[0].split())
            raise TrainingError(
                f"{newest} cannot be resumed: {reason}; remove this folder to go on from the one "
                "before"
            ) from error
        return int(progress["step"])

    def save(
        self, n_done: int, model: nn.Module, settings: Mapping[str, Any], rows: RowState
    ) -> None:
        """After ``n_done`` steps; ``rows`` is this process's place in the data.

        Raises:
            TrainingError: the disk is full; what was saved before is still there.
        """
        target = self._folder / STEPS / f"{n_done:06d}"
        accelerator = self._accelerator
        with writing(target):
            partial = self._begin(target)
            accelerator.save_state(str(partial / _STATE))
            place = _ROWS.format(rank=accelerator.process_index)
            (partial / place).write_text(json.dumps(rows), encoding="utf-8")
            tensors = accelerator.get_state_dict(model)
            if accelerator.is_main_process:
                self._publisher.write(partial / MODEL, tensors)
                self._publisher.link_parts(partial)
                progress = json.dumps({"step": n_done, "settings": settings})
                (partial / _PROGRESS).write_text(progress, encoding="utf-8")
            self._finish(target)
        if accelerator.is_main_process:
            for old in self._saved()[: -self._keep]:
                shutil.rmtree(old)

    def finish(self, model: nn.Module) -> None:
        """Writes the finished model and removes the saved steps. Raises TrainingError."""
        accelerator = self._accelerator
        with writing(self.finished):
            tensors = accelerator.get_state_dict(model)
            if accelerator.is_main_process:
                partial = partial_of(self.finished)
                shutil.rmtree(partial, ignore_errors=True)
                self._publisher.write(partial, tensors)
                finish_folder(self.finished)
                self._publisher.link_parts(self._folder)
            accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            shutil.rmtree(self._folder / STEPS, ignore_errors=True)

    def _begin(self, target: Path) -> Path:
        if self._accelerator.is_main_process:
            begin_folder(target)
        self._accelerator.wait_for_everyone()
        return partial_of(target)

    def _finish(self, target: Path) -> None:
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            finish_folder(target)
        self._accelerator.wait_for_everyone()

    def _saved(self) -> list[Path]:
        """Whole ones, oldest first."""
        return sorted((self._folder / STEPS).glob("[0-9]*"))


def _read_progress(path: Path) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: {error}; remove its folder") from error


def _require_same(folder: Path, begun: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        if begun.get(name) != value:
            raise TrainingError(
                f"{folder} was begun with {name} {begun.get(name)!r} and is asked to go on with "
                f"{value!r}; choose the same, or another --out"
            )
