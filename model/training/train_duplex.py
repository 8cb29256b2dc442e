"""Trains the duplex predictor on labelled clips and writes it with its card.

    python -m model.training.make_duplex_data DATA
    python -m model.training.train_duplex DATA --out resources/duplex

With ``--backbone`` it trains the head of a VITA-Audio directory on the same clips instead.

Temperatures, thresholds and scores come from the validation speakers. Weights that are there
already are replaced only by better ones. Knows no audio.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors.numpy
import torch

from model.duplex.duplex_network import Array, read_network
from model.duplex.frame_features import FEATURES, table_hash
from model.duplex.predictor_card import NetworkShape, PredictorCard, read_card, write_card
from model.errors import ModelError, WeightsError
from model.training.duplex.data.dataset import CLIPS, Clip, read_clips
from model.training.duplex.data.records import DataError
from model.training.duplex.network.batches import episodes_of
from model.training.duplex.network.network import TorchDuplexNetwork
from model.training.duplex.network.report import HeldOut, held_out, lines
from model.training.duplex.network.trainer import (
    Epoch,
    Trainer,
    TrainingSettings,
    logits_of,
    normalisation,
)
from model.training.duplex.progress import Progress

WEIGHTS = "predictor.safetensors"
CARD = "predictor.json"
STATE = "training-state.safetensors"
_SOUND_GROUPS = ("mel", "far_mel")
_SETTINGS = TrainingSettings()
_SHAPE = NetworkShape((), _SOUND_GROUPS)


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run came to."""

    weights: dict[str, Array]
    card: PredictorCard
    found: HeldOut
    best: Epoch
    n_epochs: int


def shape_of(args: argparse.Namespace) -> NetworkShape:
    """Sizes for the present feature table."""
    table = tuple((group.name, group.size) for group in FEATURES)
    return NetworkShape(
        table,
        _SOUND_GROUPS,
        sound_width=args.sound_width,
        evidence_width=args.evidence_width,
        hidden=args.hidden,
        head_width=args.head_width,
    )


def train(args: argparse.Namespace, learnt: Sequence[Clip], val: Sequence[Clip]) -> Trained:
    """Trains to the end; the state of the latest epoch is in ``args.out``.

    Raises:
        DataError: the clips or the state cannot be used.
    """
    settings = TrainingSettings(
        epochs=args.epochs, seed=args.seed, marked_weight=args.marked_weight, rate=args.rate,
        dropout=args.dropout, patience=args.patience, batch_clips=args.batch_clips,
    )  # fmt: skip
    torch.manual_seed(settings.seed)
    network = TorchDuplexNetwork(shape_of(args), settings.dropout)
    network.normalise_by(*normalisation(learnt))
    device = torch.device(args.device)
    trainer = Trainer(network, learnt, val, settings, device)
    _run(trainer, args.out / STATE, _name_of(args.data), is_resumed=args.resume)
    best = trainer.best
    if best is None:
        raise DataError(f"{args.data}: --epochs must be at least 1")
    weights = trainer.best_weights()
    network.load_weights(weights)
    found = held_out(val, logits_of(network, val, device))
    return Trained(weights, _card(network.shape, found), found, best, len(trainer.curve))


def _run(trainer: Trainer, state: Path, data_name: str, *, is_resumed: bool) -> None:
    if is_resumed and state.is_file():
        trainer.resume(state, data_name)
    while not trainer.is_over:
        with Progress(trainer.n_steps, f"epoch {len(trainer.curve) + 1}") as progress:
            epoch = trainer.run_epoch(progress.update)
        trainer.save(state, data_name)
        mark = " *" if epoch is trainer.best else ""
        sys.stdout.write(
            f"epoch {epoch.number:3d}  train {epoch.train_loss:.4f}  "
            f"val {epoch.val_loss:.4f}{mark}\n"
        )
        sys.stdout.flush()


def _name_of(data: Path) -> str:
    """Of a set of clips, by its list."""
    return hashlib.sha256((data / CLIPS).read_bytes()).hexdigest()[:16]


def _card(shape: NetworkShape, found: HeldOut) -> PredictorCard:
    return PredictorCard(
        features_hash=table_hash(),
        shape=shape,
        floor_temperature=round(found.floor_temperature, 4),
        overlap_temperature=round(found.overlap_temperature, 4),
        endpointing=found.endpointing(),
        overlap=found.overlap,
        trained=_today(),
        scores=found.scores,
    )


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()


def shipped_loss(folder: Path, val: Sequence[Clip]) -> float | None:
    """Held-out loss of the weights in ``folder`` on ``val``; None: none there that could run."""
    try:
        card = read_card(folder / CARD)
        network = read_network(folder / WEIGHTS, card.shape)
    except WeightsError:
        return None
    if card.features_hash != table_hash():
        return None
    logits = {clip.id: network.sequence(clip.features.astype("float32")) for clip in val}
    return held_out(val, logits).loss


def write(folder: Path, trained: Trained) -> None:
    """Weights and card; each is replaced at once."""
    partial = folder / f"{WEIGHTS}.partial"
    partial.write_bytes(safetensors.numpy.save(trained.weights))
    os.replace(partial, folder / WEIGHTS)
    write_card(folder / CARD, trained.card)


def _log(path: Path, args: argparse.Namespace, trained: Trained, verdict: str) -> None:
    shape = trained.card.shape
    scores = trained.found.scores
    line = (
        f"* {_today()} duplex, seed {args.seed}, data {_name_of(args.data)}, "
        f"hidden {shape.hidden}: {trained.n_epochs} epochs, best {trained.best.number} "
        f"(train {trained.best.train_loss:.4f}, val {trained.best.val_loss:.4f}); "
        + ", ".join(f"{name} {value:g}" for name, value in scores.items())
        + f"; {verdict}\n"
    )
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m model.training.train_duplex")
    add = parser.add_argument
    add("data", type=Path, help="folder of labelled clips")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, help="folder of the weights and their card")
    where.add_argument(
        "--backbone", type=Path, help="VITA-Audio directory that gets a head of its own"
    )
    add("--epochs", type=int, default=_SETTINGS.epochs)
    add("--patience", type=int, default=_SETTINGS.patience)
    add("--batch-clips", type=int, default=_SETTINGS.batch_clips)
    add("--rate", type=float, default=_SETTINGS.rate, help="highest learning rate")
    add("--dropout", type=float, default=_SETTINGS.dropout)
    add("--sound-width", type=int, default=_SHAPE.sound_width)
    add("--evidence-width", type=int, default=_SHAPE.evidence_width)
    add("--hidden", type=int, default=_SHAPE.hidden)
    add("--head-width", type=int, default=_SHAPE.head_width)
    add("--seed", type=int, default=0)
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--threads", type=int, default=1, help="of the processor")
    add(
        "--marked-weight",
        type=float,
        default=_SETTINGS.marked_weight,
        help="weight of moments marked in the window",
    )
    add("--resume", action="store_true", help="go on with a run that was stopped")
    add("--force", action="store_true", help="replace weights that are better")
    add("--log", type=Path, help="file that gets one dated line")
    return parser.parse_args(arguments)


def _episodes(data: Path, split: str) -> list[Clip]:
    return [piece for clip in read_clips(data, (split,)) for piece in episodes_of(clip)]


def _train_network(args: argparse.Namespace) -> bool:
    """Trains, reports, writes; returns whether it was written."""
    args.out.mkdir(parents=True, exist_ok=True)
    learnt, val = _episodes(args.data, "train"), _episodes(args.data, "val")
    trained = train(args, learnt, val)
    old = shipped_loss(args.out, val)
    sys.stdout.write("\n".join(lines(trained.found)) + "\n")
    is_written = old is None or trained.found.loss < old or args.force
    before = "none before" if old is None else f"{old:.4f} before"
    verdict = f"held-out loss {trained.found.loss:.4f}, {before}: " + (
        "written" if is_written else "not written"
    )
    if is_written:
        write(args.out, trained)
    (args.out / STATE).unlink(missing_ok=True)
    if args.log is not None:
        _log(args.log, args, trained, verdict)
    sys.stdout.write(f"{args.out}: {verdict}\n")
    if not is_written:
        sys.stderr.write(f"{args.out}: the weights there are better; --force replaces them\n")
    return is_written


def _train_head(args: argparse.Namespace) -> bool:
    # Only here: transformers takes seconds to import, and the network does without.
    from model.training.duplex.backbone_head.backbone_head import HeadSettings, train_head  # noqa: PLC0415

    settings = HeadSettings(args.epochs, args.patience, args.seed, args.force)
    return train_head(args.data, args.backbone, settings, torch.device(args.device))


def main(arguments: list[str] | None = None) -> int:
    """1: nothing was replaced."""
    args = _arguments(arguments)
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(mode=args.device == "cpu")
    try:
        if args.backbone is None:
            return 0 if _train_network(args) else 1
        is_written = _train_head(args)
    except (ModelError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0 if is_written else 1


if __name__ == "__main__":
    sys.exit(main())
