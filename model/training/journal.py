"""What a stage measures: one JSON object a line, and the same for TensorBoard.

The lines are what curves are drawn from and what a resumed run is compared by. Knows no network.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO, cast

from model.training.recipe import TrainingError

logger = logging.getLogger(__name__)

METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"


class Journal:
    """Lines of one stage in ``folder``; each is on disk when ``write`` returns.

    Args:
        n_steps: lines from this step on, of an interrupted run, are taken away.
        is_written: whether this process writes; one of them does.
    """

    def __init__(self, folder: Path, n_steps: int, *, is_written: bool = True) -> None:
        self._stream = _continued(folder, n_steps) if is_written else None
        self._board = _open_board(folder / TENSORBOARD, n_steps) if is_written else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()
        if self._board is not None:
            self._board.close()

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Raises OSError where the disk is full."""
        if self._stream is not None:
            self._stream.write(_line({"step": step, **values}))
            self._stream.flush()
        if self._board is not None:
            for name, value in _scalars("", values):
                self._board.add_scalar(name, value, step)

    def write_sound(self, step: int, name: str, samples: Any, rate_hz: int) -> None:  # noqa: ANN401
        """``samples`` (n,) float32."""
        if self._board is not None:
            self._board.add_audio(name, samples, step, rate_hz)


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """All lines so far; one that was cut off by a crash is left out.

    Raises:
        TrainingError: a line in the middle is damaged.
    """
    path = folder / METRICS
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(cast("dict[str, Any]", json.loads(line)))
        except ValueError as error:
            if number == len(lines):
                break
            raise TrainingError(
                f"{path}:{number}: is damaged ({error}); remove this file"
            ) from error
    return records


def _continued(folder: Path, n_steps: int) -> TextIO:
    """The file, with the lines before step ``n_steps`` alone."""
    path = folder / METRICS
    folder.mkdir(parents=True, exist_ok=True)
    kept = [record for record in read_metrics(folder) if record["step"] < n_steps]
    replacement = path.with_suffix(".new")
    replacement.write_text("".join(map(_line, kept)), encoding="utf-8")
    os.replace(replacement, path)
    return path.open("a", encoding="utf-8")


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record) + "\n"


def _scalars(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, (int, float)):
            yield prefix + name, float(value)
        elif isinstance(value, Mapping):
            yield from _scalars(f"{prefix}{name}/", cast("Mapping[str, Any]", value))
        elif isinstance(value, (list, tuple)):
            items = enumerate(cast("list[Any]", value))
            yield from _scalars(f"{prefix}{name}/", {str(index): item for index, item in items})


def _open_board(folder: Path, first_step: int) -> Any | None:  # noqa: ANN401  has no types
    if find_spec("tensorboard") is None:
        logger.info("tensorboard is not installed; the curves are in %s alone", METRICS)
        return None
    from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415  optional

    return SummaryWriter(str(folder), purge_step=first_step)
