"""How much memory this process holds, on the systems that say so without extra packages."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

_MB = 1024 * 1024


def resident_mb() -> float:
    """Returns what is in memory now; the peak where only that is known, 0.0 where nothing is."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        pages = int(statm.read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / _MB
    return peak_mb()


def peak_mb() -> float:
    """Returns the most this process ever held; 0.0 where the system does not tell."""
    if sys.platform == "win32":
        return 0.0
    resource: Any = importlib.import_module("resource")  # not on Windows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MB if sys.platform == "darwin" else peak / 1024  # bytes there, kilobytes here
