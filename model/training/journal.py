"""What a stage measures: one JSON object a line, and the same for TensorBoard.

The lines are what curves are drawn from and what a resumed run is compared by.
"""

import logging
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self, TextIO

import msgspec

from model.files.records import parse_json, read_lines
from model.files.whole_file import write_atomically
from model.training.recipe import TrainingError

logger = logging.getLogger(__name__)

METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"


class Journal:
    """The measurements of one stage in ``folder``; a line is on disk when ``write`` returns.

    Args:
        n_steps: lines from this step on, of an interrupted run, are taken away.
        is_written: whether this process writes; one of them does.
    """

    def __init__(self, folder: Path, n_steps: int, *, is_written: bool = True) -> None:
        self._stream = _continued(folder, n_steps) if is_written else None
        self._board = _open_board(folder / TENSORBOARD, n_steps) if is_written else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._stream, self._board):
            if one is not None:
                one.close()

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Write a line. Raises OSError where the disk is full."""
        if self._stream is not None:
            self._stream.write(_line({"step": step, **values}))
            self._stream.flush()
        if self._board is not None:
            for name, value in _scalars("", values):
                self._board.add_scalar(name, value, step)

    def write_sound(self, step: int, name: str, samples: Any, rate_hz: int) -> None:  # noqa: ANN401
        """Hand ``samples``, (n,) float32, to TensorBoard."""
        if self._board is not None:
            self._board.add_audio(name, samples, step, rate_hz)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Return all lines so far; one that was cut off by a crash is left out.

    Raises:
        TrainingError: a line in the middle is damaged.
    """
    path = folder / METRICS
    if not path.is_file():
        return []
    records: list[dict[str, Any]] = []
    damage: TrainingError | None = None
    for number, line in read_lines(path, TrainingError):
        if damage is not None:
            raise damage
        try:
            records.append(
                parse_json(
                    line,
                    dict[str, Any],
                    TrainingError,
                    file=path,
                    line=number,
                    remedy="remove this file",
                )
            )
        except TrainingError as error:
            damage = error
    return records


def _continued(folder: Path, n_steps: int) -> TextIO:
    """Open the file to write on, with the lines before step ``n_steps`` alone."""
    path = folder / METRICS
    kept = [record for record in read_metrics(folder) if record["step"] < n_steps]
    write_atomically(path, "".join(map(_line, kept)))
    return path.open("a", encoding="utf-8")


def _line(record: Mapping[str, Any]) -> str:
    """Return a line of JSON; a number that is not finite becomes null."""
    return msgspec.json.encode(record).decode() + "\n"


def _scalars(prefix: str, value: object) -> Iterator[tuple[str, float]]:
    """Yield the numbers in ``value`` under names such as "held_out/modules/0/agrees"."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _scalars(f"{prefix}/{name}" if prefix else name, item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _scalars(f"{prefix}/{index}", item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield prefix, float(value)


def _open_board(folder: Path, first_step: int) -> Any | None:  # noqa: ANN401  has no types
    if find_spec("tensorboard") is None:
        logger.info("tensorboard is not installed; the curves are in %s alone", METRICS)
        return None
    from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415  optional

    return SummaryWriter(str(folder), purge_step=first_step)
