"""Trains the duplex predictor on labelled clips and writes it with its card.

    python -m model.training.make_duplex_data DATA
    python -m model.training.train_duplex DATA --out resources/duplex

With ``--backbone`` it trains the head of a VITA-Audio directory on the same clips instead.

Temperatures, thresholds and scores come from the validation speakers. Weights that are there
already are replaced only by better ones.
"""

import argparse
import datetime as dt
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import safetensors.numpy
import torch

from model.duplex.duplex_network import Array, read_network
from model.duplex.frame_features import FEATURES, table_hash
from model.duplex.predictor_card import NetworkShape, PredictorCard, read_card, write_card
from model.errors import ModelError, WeightsError
from model.files.whole_file import SHARED, write_atomically
from model.training.duplex.data.dataset import CLIPS, Clip, read_clips
from model.training.duplex.errors import DataError
from model.training.duplex.network.batches import episodes_of
from model.training.duplex.network.held_out import HeldOut, held_out, table
from model.training.duplex.network.network_trainer import (
    Epoch,
    Trainer,
    TrainingSettings,
    logits_of,
    normalisation,
)
from model.training.duplex.network.torch_network import TorchDuplexNetwork
from model.training.duplex.progress import Progress

WEIGHTS = "predictor.safetensors"
CARD = "predictor.json"
STATE = "training-state.pt"
_SHAPE = NetworkShape(FEATURES, ("mel", "far_mel"))
_WIDTHS = ("sound_width", "evidence_width", "hidden", "head_width")
_HELP = {
    "rate": "highest learning rate",
    "marked_weight": "weight of moments marked in the window",
    "patience": "epochs without a better validation loss after which it stops",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run came to."""

    weights: dict[str, Array]
    card: PredictorCard
    found: HeldOut
    best: Epoch
    n_epochs: int


def train(args: argparse.Namespace, learnt: Sequence[Clip], val: Sequence[Clip]) -> Trained:
    """Train to the end; the state of the latest epoch is in ``args.out``.

    Raises:
        DataError: the clips or the state cannot be used.
    """
    settings = TrainingSettings(
        **{name: getattr(args, name) for name in asdict(TrainingSettings())}
    )
    widths = {name: getattr(args, name) for name in _WIDTHS}
    torch.manual_seed(settings.seed)
    shape = NetworkShape(_SHAPE.features, _SHAPE.sound_groups, **widths)
    network = TorchDuplexNetwork(shape, settings.dropout)
    network.normalise_by(*normalisation(learnt))
    device = torch.device(args.device)
    trainer = Trainer(network, learnt, val, settings, device)
    _run(trainer, args.out / STATE, _data_hash(args.data), is_resumed=args.resume)
    if trainer.best is None:
        raise DataError(f"{args.data}: --epochs must be at least 1")
    weights = trainer.best_weights()
    network.load_weights(weights)
    found = held_out(val, logits_of(network, val, device))
    card = PredictorCard(
        features_hash=table_hash(),
        shape=shape,
        floor_temperature=round(found.floor_temperature, 4),
        overlap_temperature=round(found.overlap_temperature, 4),
        endpointing=found.endpointing(),
        overlap=found.overlap,
        set_by="train: python -m model.training.train_duplex, speakers its weights never heard",
        trained=_today(),
        scores=found.scores,
    )
    return Trained(weights, card, found, trainer.best, len(trainer.curve))


def _run(trainer: Trainer, state: Path, data_hash: str, *, is_resumed: bool) -> None:
    if is_resumed and state.is_file():
        trainer.resume(state, data_hash)
    while not trainer.is_over:
        with Progress(trainer.n_steps, f"epoch {len(trainer.curve) + 1}") as progress:
            epoch = trainer.run_epoch(progress.update)
        trainer.save(state, data_hash)
        mark = " *" if epoch is trainer.best else ""
        sys.stdout.write(
            f"epoch {epoch.number:3d}  train {epoch.train_loss:.4f}  "
            f"val {epoch.val_loss:.4f}{mark}\n"
        )
        sys.stdout.flush()


def _data_hash(data: Path) -> str:
    return hashlib.sha256((data / CLIPS).read_bytes()).hexdigest()[:16]


def _today() -> str:
    return dt.datetime.now(dt.UTC).date().isoformat()


def shipped_loss(folder: Path, val: Sequence[Clip]) -> float | None:
    """Return the loss on ``val`` of the weights in ``folder``; None where none could run."""
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
    """Write weights and card; each is replaced at once."""
    write_atomically(folder / WEIGHTS, safetensors.numpy.save(trained.weights), mode=SHARED)
    write_card(folder / CARD, trained.card)


def _log(args: argparse.Namespace, trained: Trained, verdict: str) -> None:
    best = trained.best
    line = (
        f"* {_today()} duplex, seed {args.seed}, data {_data_hash(args.data)}, hidden "
        f"{args.hidden}: {trained.n_epochs} epochs, best {best.number} (train "
        f"{best.train_loss:.4f}, val {best.val_loss:.4f}); "
        + ", ".join(f"{name} {value:g}" for name, value in trained.found.scores.items())
        + f"; {verdict}\n"
    )
    with args.log.open("a", encoding="utf-8") as stream:
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
    widths = {name: getattr(_SHAPE, name) for name in _WIDTHS}
    for name, default in (asdict(TrainingSettings()) | widths).items():
        option = f"--{name.replace('_', '-')}"
        add(option, type=type(default), default=default, help=_HELP.get(name))
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--threads", type=int, default=1, help="of the processor")
    add("--resume", action="store_true", help="go on with a run that was stopped")
    add("--force", action="store_true", help="replace weights that are better")
    add("--log", type=Path, help="file that gets one dated line")
    return parser.parse_args(arguments)


def _episodes(data: Path, split: str) -> list[Clip]:
    return [piece for clip in read_clips(data, (split,)) for piece in episodes_of(clip)]


def _train_network(args: argparse.Namespace) -> bool:
    """Train, report, write; return whether it was written."""
    args.out.mkdir(parents=True, exist_ok=True)
    learnt, val = _episodes(args.data, "train"), _episodes(args.data, "val")
    trained = train(args, learnt, val)
    old = shipped_loss(args.out, val)
    sys.stdout.write("\n".join(table(trained.found)) + "\n")
    is_written = old is None or trained.found.loss < old or args.force
    before = "none before" if old is None else f"{old:.4f} before"
    verdict = f"held-out loss {trained.found.loss:.4f}, {before}: " + (
        "written" if is_written else "not written"
    )
    if is_written:
        write(args.out, trained)
    (args.out / STATE).unlink(missing_ok=True)
    if args.log is not None:
        _log(args, trained, verdict)
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
    """Run the command; return 1 where nothing was replaced."""
    args = _arguments(arguments)
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(mode=args.device == "cpu")
    try:
        is_written = _train_network(args) if args.backbone is None else _train_head(args)
    except (ModelError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0 if is_written else 1


if __name__ == "__main__":
    sys.exit(main())
