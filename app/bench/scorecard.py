"""One scorecard for every measurement: rows of named numbers, the command and the machine.

Does not know what was measured.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

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
