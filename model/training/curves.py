"""A finished run in words: what each stage learnt, as tables and small curves in Markdown.

    python -m model.training.curves out/tiny

Reads the metrics of the stages below a folder.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from model.errors import ModelError
from model.training.journal import METRICS, read_metrics
from model.training.recipe import TrainingError

_BLOCKS = "▁▂▃▄▅▆▇█"
_N_POINTS = 32  # of a curve
_SHOWN = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)  # parts of a stage whose losses are printed
_WINDOW = 0.05  # of a stage that is averaged around each


@dataclass(frozen=True, slots=True)
class StageCurve:
    """What one stage measured.

    Attributes:
        before, held_out: what was measured at the beginning and at the end; empty: nothing was.
    """

    name: str
    losses: tuple[float, ...]
    seconds: float
    n_tokens: int
    memory_mib: int
    before: dict[str, Any]
    held_out: dict[str, Any]

    def loss_at(self, part: float) -> float:
        """Return the mean loss around ``part`` of the stage, 0 … 1."""
        n = len(self.losses)
        half = max(1, round(n * _WINDOW / 2))
        middle = round(part * (n - 1))
        near = self.losses[max(0, middle - half) : middle + half + 1]
        return sum(near) / len(near)


def read_curve(folder: Path) -> StageCurve:
    """Read the metrics in ``folder``. Raises TrainingError where nothing was trained."""
    records = read_metrics(folder)
    if not records:
        raise TrainingError(f"{folder / METRICS} is missing; train this stage first")
    measured = [one["held_out"] for one in records if one.get("held_out")]
    return StageCurve(
        folder.name,
        tuple(one["loss"] for one in records),
        sum(one["seconds"] for one in records),
        sum(one["n_tokens"] for one in records),
        max(one.get("memory_mib", 0) for one in records),
        records[0].get("before", {}).get("held_out", {}),
        measured[-1] if measured else {},
    )


def report(curves: Sequence[StageCurve]) -> str:
    """Return losses and agreement in Markdown."""
    return "\n".join([*_losses(curves), "", *_agreement(curves)]).rstrip() + "\n"


def spark(values: Sequence[float]) -> str:
    """Return a curve of block characters, from the lowest value to the highest."""
    n_points = min(_N_POINTS, len(values))
    borders = [round(i * len(values) / n_points) for i in range(n_points + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(borders) if b > a]
    low, high = min(means), max(means)
    scale = (len(_BLOCKS) - 1) / ((high - low) or 1.0)
    return "".join(_BLOCKS[round((value - low) * scale)] for value in means)


def _losses(curves: Sequence[StageCurve]) -> Iterator[str]:
    parts = [f"{part:.0%}" for part in _SHOWN]
    yield f"| stage | steps | {' | '.join(parts)} | curve | time | tokens/s |"
    yield f"|---|---|{'---|' * len(_SHOWN)}---|---|---|"
    for curve in curves:
        shown = " | ".join(f"{curve.loss_at(part):.3f}" for part in _SHOWN)
        speed = curve.n_tokens / curve.seconds
        memory = f", {curve.memory_mib} MiB" if curve.memory_mib else ""
        yield (
            f"| {curve.name} | {len(curve.losses)} | {shown} | {spark(curve.losses)} | "
            f"{curve.seconds / 60:.1f} min | {speed:.0f}{memory} |"
        )


def _agreement(curves: Sequence[StageCurve]) -> Iterator[str]:
    columns = {
        name: measured
        for curve in curves
        for name, measured in ((f"{curve.name} begins", curve.before), (curve.name, curve.held_out))
        if measured.get("modules")
    }
    if columns:
        yield "Agreement of each MCTP module with the backbone, on held-out samples:"
        yield ""
        yield agreement_table(columns)


def agreement_table(columns: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a Markdown table of records of ``acceptance.Acceptance``, by their titles."""
    modules = [measured["modules"] for measured in columns.values()]
    rows = {
        str(k + 1): [f"{one[k]['agrees']:.1%}" if k < len(one) else "" for one in modules]
        for k in range(max(map(len, modules)))
    }
    for title, name, form in (
        ("mean", "agreement", ".1%"),
        ("drafts kept", "accepted", ".2f"),
        ("backbone right", "backbone_right", ".1%"),
    ):
        rows[title] = [format(measured[name], form) for measured in columns.values()]
    lines = [f"| module | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    lines += [f"| {title} | {' | '.join(cells)} |" for title, cells in rows.items()]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Print the report; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of the stages")
    args = parser.parse_args(arguments)
    try:
        stages = sorted(path.parent for path in args.folder.glob(f"*/{METRICS}"))
        if not stages:
            raise TrainingError(f"{args.folder} holds no stage that was trained")
        sys.stdout.write(report([read_curve(stage) for stage in stages]))
    except (ModelError, OSError) as error:
        sys.stderr.write(f"curves: {' '.join(str(error).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
