"""The command line of a stage: what it is run with, and one line where something is wrong."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from model.errors import ModelError
from model.training.recipe import Recipe, StageRecipe, TrainingError, read_recipe
from model.vita_audio.checkpoint.directory import CONFIG
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM, load_language_model
from model.vita_audio.language_model.text_tokenizer import TextTokenizer

MODEL = "model"  # the finished model, in the folder of a stage and in a saved step

_FAILED, _INTERRUPTED = 1, 130


@dataclass(frozen=True, slots=True)
class StageRun:
    """What a stage is run with.

    Attributes:
        number: of the stage, from 1.
        start: folder of the stage before, or its model; None in stage 1.
        parts: folder with the speech tokenizer and decoder; None: nothing is heard or said.
    """

    number: int
    recipe: Recipe
    recipe_file: Path
    out: Path
    start: Path | None
    data: Path
    held_out: Path | None
    parts: Path | None

    @property
    def stage(self) -> StageRecipe:
        """Return the recipe of this stage."""
        return self.recipe.stage(self.number)

    @property
    def frozen_dtype(self) -> torch.dtype:
        """Return the type of parameters that do not learn."""
        return getattr(torch, self.recipe.precision.weights)

    @property
    def start_folder(self) -> Path:
        """Return the folder of the stage before's model. Raises TrainingError."""
        if self.start is None:
            raise TrainingError(
                f"stage {self.number} begins from the model of stage {self.number - 1}; give its "
                "folder with --start"
            )
        return model_folder(self.start)

    def load_start(self) -> VitaAudioForCausalLM:
        """Load the model of the stage before. Raises ModelError where it does not fit."""
        folder = self.start_folder
        model = load_language_model(folder, self.frozen_dtype)
        tokens = TextTokenizer.from_directory(folder)
        if model.config.vocab_size < len(tokens):
            raise TrainingError(
                f"{folder} has {model.config.vocab_size} embeddings and its tokenizer "
                f"{len(tokens)} tokens; the files are of different models"
            )
        if model.is_plus != self.recipe.plus:
            raise TrainingError(
                f"{folder} is a model of type {model.config.model_type} and {self.recipe_file} "
                f"says plus = {str(self.recipe.plus).lower()}; they must agree"
            )
        model.requires_grad_(True)
        return model.train()


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


def run_stage(
    number: int,
    doc: str | None,
    train: Callable[[StageRun], None],
    arguments: list[str] | None = None,
) -> int:
    """Read the command line of stage ``number``, run ``train``, and return the exit status."""
    args = _parser(doc).parse_args(arguments)
    try:
        run = _run_of(number, args)
        if (run.out / MODEL).is_dir():
            sys.stdout.write(f"{run.out} is finished; remove it to train this stage again\n")
            return 0
        train(run)
    except (ModelError, OSError) as error:
        sys.stderr.write(f"stage {number}: {' '.join(str(error).split())}\n")
        return _FAILED
    except KeyboardInterrupt:
        sys.stderr.write(
            f"stage {number}: interrupted; the same command goes on from the last saved step\n"
        )
        return _INTERRUPTED
    return 0


def _parser(doc: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", type=Path, required=True, help="a file of configurations/")
    parser.add_argument("--out", type=Path, required=True, help="folder of this stage")
    parser.add_argument("--start", type=Path, help="folder of the stage before")
    parser.add_argument("--data", type=Path, help="mixture or JSONL file, instead of the recipe's")
    parser.add_argument("--held-out", type=Path, help="likewise; never trained on")
    parser.add_argument("--parts", type=Path, help="folder of speech tokenizer and decoder")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a value of the recipe"
    )
    return parser


def _run_of(number: int, args: argparse.Namespace) -> StageRun:
    recipe = read_recipe(args.recipe, tuple(args.set))
    beside = args.recipe.parent
    named = recipe.stage(number).mixture
    data = args.data or (beside / named if named else None)
    if data is None:
        raise TrainingError("no data is named; give a mixture or a JSONL file with --data")
    held_out = args.held_out or (beside / recipe.held_out if recipe.held_out else None)
    return StageRun(number, recipe, args.recipe, args.out, args.start, data, held_out, args.parts)
