"""Scorecards: rows of named numbers with the command and the machine they were measured by.

A card is printed as aligned plain text, a wide one sideways with a line per column.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

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
MS = 1000.0
Z_95 = 1.959964  # two-sided normal quantile


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
    """Return a share in percent; None of nothing."""
    return 100.0 * part / whole if whole else None


def wilson(n_hits: int, n: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a share (Wilson 1927); None of nothing."""
    if n <= 0:
        return None
    share, z2 = n_hits / n, Z_95 * Z_95
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def interval_text(n_hits: int, n: int) -> str | None:
    """Return the 95 % interval of a share in percent, "7-31"; None of nothing."""
    interval = wilson(n_hits, n)
    return None if interval is None else f"{100.0 * interval[0]:.0f}-{100.0 * interval[1]:.0f}"


def of_text(n_hits: int, n: int) -> str | None:
    """Return "5 of 24"; None of nothing."""
    return f"{n_hits} of {n}" if n else None


def ms(seconds: float | None) -> float | None:
    """Return seconds as milliseconds."""
    return None if seconds is None else MS * seconds


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
