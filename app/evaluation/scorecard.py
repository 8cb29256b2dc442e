"""One scorecard for every measurement: rows of named numbers, the command and the machine.

Does not know what was measured.

Does it happen as often as it is said to? Expected calibration error (Naeini et al. 2015).

How sure a figure from few events is. Knows nothing of what was counted.

A progress bar on standard error, or none.

Scorecards as plain text: aligned columns, a footer with command and machine.

Wide cards are printed sideways, a line per column. Does not know what the columns mean.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

N_BINS = 10


@dataclass(slots=True)
class Calibration:
    """Said probabilities and what came true."""

    said: list[float] = field(default_factory=list[float])
    was_true: list[bool] = field(default_factory=list[bool])

    def add(self, p: float, was_true: bool) -> None:
        self.said.append(p)
        self.was_true.append(was_true)

    @property
    def error(self) -> float | None:
        """Mean distance between said and true over ten equal bins, weighted; None of nothing."""
        if not self.said:
            return None
        said = np.asarray(self.said, np.float64)
        was_true = np.asarray(self.was_true, np.float64)
        bins = np.minimum((said * N_BINS).astype(np.intp), N_BINS - 1)
        distance = 0.0
        for i in np.unique(bins):
            inside = bins == i
            distance += inside.sum() * abs(said[inside].mean() - was_true[inside].mean())
        return float(distance / len(said))


Z_95 = 1.959964  # two-sided normal quantile
N_RESAMPLES = 400
SEED = 7


def wilson(n_hits: int, n: int) -> tuple[float, float] | None:
    """95 % interval of a share (Wilson 1927); None of nothing."""
    if n <= 0:
        return None
    share, z2 = n_hits / n, Z_95 * Z_95
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def resample_counts(n: int, n_resamples: int = N_RESAMPLES) -> npt.NDArray[np.float64]:
    """Bootstrap: how often each of ``n`` items was drawn, float64 (n_resamples, n)."""
    rng = np.random.default_rng(SEED)
    return rng.multinomial(n, np.full(n, 1.0 / n), size=n_resamples).astype(np.float64)


def middle_95(values: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """From the 2.5th to the 97.5th percentile of the finite ones; None of nothing."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)


T = TypeVar("T")


class _Bar(tqdm):  # pyright: ignore[reportMissingTypeArgument]
    """A bar without tqdm's watching thread: items take long, every one of them is shown."""

    monitor_interval = 0


def with_progress(items: Collection[T], what: str, *, is_quiet: bool) -> Iterable[T]:
    """``items`` themselves when quiet."""
    return items if is_quiet else _Bar(items, desc=what, leave=False)


Value = str | int | float | None  # None: not applicable, or nothing to measure
Row = dict[str, Value]  # column name in snake_case with its unit -> value, in print order

_CPU_INFO = Path("/proc/cpuinfo")
_MEMORY_PAGES, _PAGE_BYTES = "SC_PHYS_PAGES", "SC_PAGE_SIZE"
_BYTES_PER_GB = 1e9
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Machine:
    """Where numbers were measured."""

    cpu: str
    n_cores: int
    memory_gb: float
    python: str
    system: str

    def line(self) -> str:
        return (
            f"{self.cpu}, {self.n_cores} cores, {self.memory_gb:.1f} GB, "
            f"Python {self.python}, {self.system}"
        )


def this_machine() -> Machine:
    """Reads what the system tells without asking for rights."""
    return Machine(
        cpu=_cpu_name(),
        n_cores=os.cpu_count() or 1,
        memory_gb=round(_memory_bytes() / _BYTES_PER_GB, 1),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
    )


def _cpu_name() -> str:
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine() or "unknown processor"


def _memory_bytes() -> float:
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if _MEMORY_PAGES not in names or _PAGE_BYTES not in names:
        return 0.0
    return float(os.sysconf(_MEMORY_PAGES)) * float(os.sysconf(_PAGE_BYTES))


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A bench's result.

    Attributes:
        bench: "duplex", "scenes", "latency", "vita-audio".
        command: what to type to print it again.
        rows: all with the same columns in the same order.
        notes: lines for the footer, such as what a column counts.
    """

    bench: str
    command: str
    rows: tuple[Row, ...]
    machine: Machine = field(default_factory=this_machine)
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(
            {
                "bench": self.bench,
                "command": self.command,
                "machine": {
                    "cpu": self.machine.cpu,
                    "cores": self.machine.n_cores,
                    "memory_gb": self.machine.memory_gb,
                    "python": self.machine.python,
                    "system": self.machine.system,
                },
                "rows": [{key: _rounded(value) for key, value in row.items()} for row in self.rows],
                "notes": list(self.notes),
            },
            ensure_ascii=False,
            indent=2,
        )

    def write_json(self, path: Path) -> None:
        """Raises OSError."""
        path.write_text(self.to_json() + "\n", encoding="utf-8")


def command_line(arguments: Sequence[str]) -> str:
    """What was typed, quoted for a shell."""
    return shlex.join(("parley", *arguments))


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Linear between neighbours; None of nothing."""
    return float(np.percentile(np.asarray(values, np.float64), percent)) if values else None


def share_percent(part: int, whole: int) -> float | None:
    """None of nothing."""
    return 100.0 * part / whole if whole else None


def merged(*parts: Mapping[str, Value]) -> Row:
    """One row of several; a later column of the same name wins."""
    row: Row = {}
    for part in parts:
        row.update(part)
    return row


def _rounded(value: Value) -> Value:
    return round(value, _DECIMALS) if isinstance(value, float) else value


_GAP = "  "
_ABSENT = "-"
WIDEST = 120  # characters of an ordinary terminal


def render(card: Scorecard, width: int = WIDEST) -> str:
    """Returns lines that end with the footer; numbers are right-aligned."""
    lines = [_render_rows(card.rows, width)] if card.rows else ["(nothing measured)"]
    lines.extend(f"note: {note}" for note in card.notes)
    lines.append(f"command: {card.command}")
    lines.append(f"machine: {card.machine.line()}")
    return "\n".join(lines) + "\n"


def _render_rows(rows: tuple[Row, ...], width: int) -> str:
    columns = list(rows[0])
    grid = [columns, *([cell(row.get(column)) for column in columns] for row in rows)]
    upright = _aligned(grid)
    if max(len(line) for line in upright.splitlines()) <= width:
        return upright
    return "\n\n".join(_sideways(grid[0], grid[1:], width))


def _sideways(columns: list[str], rows: list[list[str]], width: int) -> list[str]:
    """Blocks of as many rows side by side as fit, at least one each."""
    blocks: list[str] = []
    while rows:
        n_rows = len(rows)
        while True:
            block = _aligned([list(line) for line in zip(columns, *rows[:n_rows], strict=True)])
            if n_rows == 1 or max(len(line) for line in block.splitlines()) <= width:
                break
            n_rows -= 1
        blocks.append(block)
        rows = rows[n_rows:]
    return blocks


def _aligned(grid: list[list[str]]) -> str:
    """First column left, the others right; a rule under the first line."""
    widths = [max(len(line[i]) for line in grid) for i in range(len(grid[0]))]
    lines = [
        _GAP.join(
            text.ljust(size) if i == 0 else text.rjust(size)
            for i, (text, size) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in grid
    ]
    return "\n".join([lines[0], _GAP.join("-" * size for size in widths), *lines[1:]])


def cell(value: Value) -> str:
    """None is a dash; 1234.5 is 1234 (or 1235), 12.34 is 12.3, 0.123 is 0.123."""
    if value is None:
        return _ABSENT
    if not isinstance(value, float):
        return str(value)
    if value == 0.0 or abs(value) >= 100.0:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1.0 else f"{value:.3f}"
