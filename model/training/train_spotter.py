"""Makes the word spotter's data and trains it.

    python -m model.training.train_spotter DATA --real RECORDINGS --out resources/duplex
    parley bench spotter RECORDINGS --split tune --set-thresholds resources/duplex

What was made stays in DATA: run it again after an interruption or with more hours, and only what is
missing is made. Training goes on where it was interrupted; another number of batches starts it
again, because the rate falls towards the end. The same seed gives the same weights.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import safetensors.numpy

from model.duplex.spotter.card import (
    SpotterCard,
    SpotterShape,
    SpotterThresholds,
    read_card,
    write_card,
)
from model.duplex.spotter.network import CARD_NAME, WEIGHTS_NAME
from model.duplex.spotter.recorded_words import TRAIN, TUNE, recorded_words
from model.errors import ModelError
from model.files.whole_file import SHARED, write_atomically
from model.store.packages import default_folder
from model.training.duplex.errors import DataError
from model.training.duplex.progress import Progress
from model.training.duplex.spotter.held_out import scores_of
from model.training.duplex.spotter.session_store import SessionStore
from model.training.duplex.spotter.sessions import SESSION_S, Heard
from model.training.duplex.spotter.spotter_trainer import SpotterTrainer, TrainingPlan

_HOURS, _BATCHES = 9.0, 4200
_TUNE_SHARE = 0.06
_SCENE_REPEATS = 3  # recorded scenes are few and worth more than made ones
_UNSET = SpotterThresholds(1.0, 1.0, 1.0, 0.5, "not set yet: parley bench spotter")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return 2 after one line on standard error where an argument is wrong."""
    args = _parser().parse_args(argv)
    try:
        text = train(args)
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(text)
    return 0


def train(args: argparse.Namespace) -> str:
    """Make what is missing, train, write the weights and return a report. Raises ModelError."""
    if args.hours <= 0.0 or args.batches < 0:
        raise DataError(
            f"--hours {args.hours}, --batches {args.batches}: must be more than 0, and 0 or more"
        )
    recorded_words(args.real, TRAIN)  # before hours of work: are the recordings as they should be?
    store = SessionStore(args.data, args.real, args.weights, args.seed)
    n_phrases = store.speak_phrases()
    n = max(1, round(args.hours * 3600.0 / SESSION_S))
    n_tune = max(1, round(n * _TUNE_SHARE))
    held_out = _made(store, TUNE, n_tune)
    sessions = _made(store, TRAIN, n)
    lines = [f"{n_phrases} phrases, {len(sessions)} sessions to learn from, {n_tune} held out"]
    if args.batches:
        sessions += list(store.scenes(TRAIN)) * _SCENE_REPEATS
        shape, plan = SpotterShape(), TrainingPlan(args.batches, seed=args.seed)
        trainer = SpotterTrainer(sessions, shape, plan, args.data)
        losses = trainer.run()
        lines.append("losses: " + " ".join(f"{loss:.3f}" for loss in losses))
        scores = scores_of(trainer.averaged, held_out)
        lines += [f"{name}: {score:.3f}" for name, score in scores.items()]
        _write(args, trainer, scores)
    return "\n".join(lines) + "\n"


def _made(store: SessionStore, split: str, n: int) -> list[Heard]:
    made: list[Heard] = []
    with Progress(n, f"sessions to {split}") as progress:
        for session in store.sessions(split, n):
            made.append(session)
            progress.update()
    return made


def _write(args: argparse.Namespace, trainer: SpotterTrainer, scores: dict[str, float]) -> None:
    weights = trainer.averaged.exported()
    write_atomically(args.out / WEIGHTS_NAME, safetensors.numpy.save(weights), mode=SHARED)
    path = args.out / CARD_NAME
    thresholds = read_card(path).thresholds if path.is_file() else _UNSET
    made_by = f"--hours {args.hours:g} --batches {args.batches} --seed {args.seed}"
    card = SpotterCard(
        shape=trainer.averaged.shape,
        thresholds=thresholds,
        trained=f"{_today()}, python -m model.training.train_spotter {made_by}",
        scores={name: round(score, 4) for name, score in scores.items()},
    )
    write_card(path, card)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model.training.train_spotter",
        description="Make the word spotter's data and train it.",
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the data; is continued")
    parser.add_argument("--real", type=Path, required=True, help="folder with recordings")
    parser.add_argument("--out", type=Path, required=True, help="folder of the weights")
    parser.add_argument("--hours", type=float, default=_HOURS, help="default: %(default)s")
    help_batches = "0: only make the data; default: %(default)s"
    parser.add_argument("--batches", type=int, default=_BATCHES, help=help_batches)
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--weights", type=Path, default=default_folder(), help="folder of weights")
    return parser


if __name__ == "__main__":
    sys.exit(main())
