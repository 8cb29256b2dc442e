"""Scorecards: rows of named numbers with the command and the machine they were measured by.

A card is printed as aligned plain text, a wide one sideways with a line per column.
"""

import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
from tqdm import tqdm

from app.messages.errors import BadInputError
from model.files.whole_file import SHARED, write_atomically

T = TypeVar("T")


class _Bar(tqdm):  # pyright: ignore[reportMissingTypeArgument]
    """A bar without tqdm's watching thread: items take long, every one of them is shown."""

    monitor_interval = 0


def with_progress(items: Collection[T], what: str, *, is_quiet: bool) -> Iterable[T]:
    """Return ``items`` with a progress bar on standard error, or themselves when quiet."""
    return items if is_quiet else _Bar(items, desc=what, leave=False)


Value = str | int | float | None  # None: not applicable, or nothing to measure
Row = dict[str, Value]  # column name in snake_case with its unit -> value, in print order

_CPU_INFO = Path("/proc/cpuinfo")
_BYTES_PER_GB = 1e9
_DECIMALS = 3
_QUIET_LOAD = 0.5  # work waiting for a core, averaged over a minute
MS = 1000.0
Z_95 = 1.959964  # two-sided normal quantile


@dataclass(frozen=True, slots=True)
class Machine:
    """Where numbers were measured.

    Attributes:
        load: how much work wanted a core just before, from 0 on; None: unknown.
    """

    cpu: str
    n_cores: int
    memory_gb: float
    python: str
    system: str
    load: float | None = None

    def line(self) -> str:
        """Return it as one line that ends with "quiet" or "busy"."""
        parts = [self.cpu, f"{self.n_cores} cores", f"{self.memory_gb:.1f} GB"]
        parts += [f"Python {self.python}", self.system]
        if self.load is not None:
            parts.append("quiet" if self.load < _QUIET_LOAD else f"busy (load {self.load:.1f})")
        return ", ".join(parts)


def this_machine() -> Machine:
    """Return what the system tells without asking for rights."""
    return Machine(
        cpu=_cpu_name(),
        n_cores=os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / _BYTES_PER_GB, 1),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()}",
        load=psutil.getloadavg()[0],
    )


def _cpu_name() -> str:
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine() or "unknown processor"


@dataclass(frozen=True, slots=True)
class Table:
    """A smaller table beside the main one; rows as there."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A bench's result.

    Attributes:
        bench: "duplex", "scenes", "latency", "vita-audio" or "eval …".
        command: what to type to print it again.
        rows: all with the same columns in the same order.
        notes: lines for the footer, such as what a column counts.
        page_columns: those that a page shows; none: all.
        tables: smaller ones; a card that has them prints ``page_columns`` only.
    """

    bench: str
    command: str
    rows: tuple[Row, ...]
    machine: Machine = field(default_factory=this_machine)
    notes: tuple[str, ...] = ()
    page_columns: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()

    def to_json(self) -> str:
        """Return rows, command, machine and notes as JSON; numbers to three decimals."""
        rows = _rounded(self.rows)
        machine = {"cores": self.machine.n_cores, **asdict(self.machine)}
        del machine["n_cores"]
        content: dict[str, object] = {
            "bench": self.bench,
            "command": self.command,
            "machine": machine,
            "rows": rows,
        }
        if self.tables:
            content["tables"] = {table.title: _rounded(table.rows) for table in self.tables}
        return json.dumps({**content, "notes": list(self.notes)}, ensure_ascii=False, indent=2)


def _rounded(rows: tuple[Row, ...]) -> list[Row]:
    return [
        {
            key: round(value, _DECIMALS) if isinstance(value, float) else value
            for key, value in row.items()
        }
        for row in rows
    ]


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the percentile, linear between neighbours; None of nothing."""
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


_GAP = "  "
_ABSENT = "-"
WIDEST = 120  # characters of an ordinary terminal
_WIDEST_PAGE = 20  # columns
_WHERE = ("--json", "--markdown", "--cache")  # none of them moves a number


def render(card: Scorecard, width: int = WIDEST) -> str:
    """Return lines that end with the footer; numbers are right-aligned."""
    rows = card.rows
    if card.tables and card.page_columns:
        rows = tuple({name: row.get(name) for name in card.page_columns} for row in rows)
    lines = [_render_rows(rows, width)] if rows else ["(nothing measured)"]
    for table in card.tables:
        lines += ["", f"{table.title}:", _render_rows(table.rows, width)]
    lines.extend(f"note: {note}" for note in card.notes)
    lines.append(f"command: {card.command}")
    lines.append(f"machine: {card.machine.line()}")
    return "\n".join(lines) + "\n"


def render_markdown(card: Scorecard) -> str:
    """Return what a page shows: a line on command, day and machine, the table, and the notes."""
    today = f"{datetime.now().astimezone():%Y-%m-%d}"
    lines = [f"`{card.command}`, {today}, {card.machine.line()}", ""]
    if card.rows:
        lines += _markdown_rows(card.rows, card.page_columns or tuple(card.rows[0]))
    for table in card.tables:
        lines += ["", f"{table.title}:", "", *_markdown_rows(table.rows, tuple(table.rows[0]))]
    if card.notes:
        lines += ["", *(f"- {note}" for note in card.notes)]
    return "\n".join(lines) + "\n"


def _markdown_rows(rows: tuple[Row, ...], columns: Sequence[str]) -> list[str]:
    grid = _grid(rows, columns)
    if len(grid[0]) > _WIDEST_PAGE:
        grid = [list(line) for line in zip(*grid, strict=True)]
    grid.insert(1, ["---"] * len(grid[0]))
    return [f"| {' | '.join(line)} |" for line in grid]


def publish(card: Scorecard, machine: Machine, json_file: Path | None, page: Path | None) -> None:
    """Print the card and write it where it was asked for. Raises BadInputError.

    Args:
        machine: as it was before anything was measured.
        page: a Markdown file in which the card replaces what stands between the markers that name
            its command; "-": the card is printed as Markdown.
    """
    card = replace(card, machine=machine, command=_repeatable(card.command))
    is_printed = page is not None and str(page) == "-"
    sys.stdout.write(render_markdown(card) if is_printed else render(card))
    for path, write in ((json_file, _write_json), (None if is_printed else page, _write_page)):
        if path is not None:
            try:
                write(path, card)
            except (OSError, UnicodeDecodeError) as error:
                raise BadInputError(path, "", f"cannot be written: {error}") from None


def _write_json(path: Path, card: Scorecard) -> None:
    write_atomically(path, card.to_json() + "\n", mode=SHARED)


def _write_page(path: Path, card: Scorecard) -> None:
    begin, end = (f"<!-- {edge}: {card.command} -->" for edge in ("begin", "end"))
    before, begun, rest = path.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (begun and ended):
        what = f"lacks the lines {begin} and {end}"
        raise BadInputError(path, "", what, "put them where the table belongs")
    write_atomically(path, f"{before}{begin}\n{render_markdown(card)}{end}{after}", mode=SHARED)


def _repeatable(command: str) -> str:
    """The command without the options that say where its result goes."""
    kept: list[str] = []
    is_value = False
    for word in shlex.split(command):
        if is_value and (word == "-" or not word.startswith("-")):
            is_value = False
            continue
        is_value = word in _WHERE
        if word.partition("=")[0] not in _WHERE:
            kept.append(word)
    return shlex.join(kept)


def _grid(rows: tuple[Row, ...], columns: Sequence[str]) -> list[list[str]]:
    return [list(columns), *([cell(row.get(column)) for column in columns] for row in rows)]


def _render_rows(rows: tuple[Row, ...], width: int) -> str:
    grid = _grid(rows, tuple(rows[0]))
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
    """Return a dash for None; 1234.5 as 1234 (or 1235), 12.34 as 12.3, 0.123 as 0.123."""
    if value is None:
        return _ABSENT
    if not isinstance(value, float):
        return str(value)
    if value == 0.0 or abs(value) >= 100.0:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1.0 else f"{value:.3f}"
