"""Trains the head of one VITA-Audio directory on labelled clips and puts it there.

Better weights are kept. Knows no command line.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from model.errors import WeightsError
from model.training.duplex.backbone_examples import (
    BackboneListener,
    Example,
    examples_of,
    require_heard,
)
from model.training.duplex.backbone_fit import FittedHead, fit_head, loss_of
from model.training.duplex.data_error import DataError
from model.training.duplex.dataset import clip_names
from model.training.duplex.heard import recall
from model.training.duplex.progress import Progress
from model.vita_audio.directory import resolve
from model.vita_audio.duplex_head import FILE, read_head, write_head

HEARD = "heard"


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """How a head is trained."""

    epochs: int = 30
    patience: int = 6
    seed: int = 0
    is_forced: bool = False


def train_head(data: Path, backbone: Path, settings: HeadSettings, device: torch.device) -> bool:
    """Returns whether the head was written.

    Raises:
        DataError: the clips cannot be used.
        WeightsError: the model's directory cannot.
    """
    require_heard(data / HEARD)
    found = resolve(backbone)
    listener = BackboneListener(found, device)
    train, val = (_examples(listener, data, split) for split in ("train", "val"))
    fitted = fit_head(
        train, val, epochs=settings.epochs, patience=settings.patience, seed=settings.seed,
        tell=_tell,
    )  # fmt: skip
    path = found.language_model / FILE
    old = _old_loss(path, listener.width, val)
    is_written = old is None or fitted.loss < old or settings.is_forced
    if is_written:
        write_head(path, fitted.head, fitted.temperature)
    _report(fitted, path, old, is_written=is_written)
    return is_written


def _examples(listener: BackboneListener, data: Path, split: str) -> list[Example]:
    names = clip_names(data, split)
    clips = (recall(data / HEARD, name) for name in names)
    with Progress(len(names), f"{split} pauses") as progress:
        examples = examples_of(listener, clips, progress.update)
    if not examples:
        raise DataError(f"{data}: no {split} clip has a pause; make more data")
    return examples


def _old_loss(path: Path, width: int, val: Sequence[Example]) -> float | None:
    try:
        judge = read_head(path, width)
    except WeightsError:
        return None
    return loss_of(judge.head, val, judge.temperature)


def _tell(number: int, loss: float, val_loss: float) -> None:
    sys.stdout.write(f"epoch {number:3d}  train {loss:.4f}  val {val_loss:.4f}\n")


def _report(fitted: FittedHead, path: Path, old: float | None, *, is_written: bool) -> None:
    before = "none before" if old is None else f"{old:.4f} before"
    sys.stdout.write(
        f"held-out loss {fitted.loss:.4f} (shares alone {fitted.prior_loss:.4f}, {before}), "
        f"{100.0 * fitted.right:.1f} % right, temperature {fitted.temperature:.2f}, calibration "
        f"error {fitted.ece:.3f} ({fitted.ece_raw:.3f} without)\n"
        f"{path}: {'written' if is_written else 'not written, the head there is better'}\n"
    )
