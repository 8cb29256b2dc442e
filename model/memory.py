"""How much memory this process holds, on the systems that say so without extra packages.

How much memory is free now: the system's, and that of the first NVIDIA card.

Asks the system and the card's driver directly, so that a list of models needs no engine. Knows no
model.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NVML = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
_NVML_OK = 0
_KIB = 1024


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Bytes; ``gpu`` is None without a card (or where its driver cannot be asked)."""

    ram: int
    gpu: int | None

    @property
    def device_kind(self) -> str:
        """Where a large model would go: "cuda" or "cpu"."""
        return "cpu" if self.gpu is None else "cuda"

    @property
    def n_bytes(self) -> int:
        return self.ram if self.gpu is None else self.gpu


def free_memory() -> FreeMemory:
    """Looks anew at every call; takes milliseconds."""
    return FreeMemory(_free_ram(), _free_gpu())


def _free_ram() -> int:
    """What programs can still get without others being put aside; 0 where nothing tells."""
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * _KIB
    if sys.platform == "win32":
        return _free_ram_windows()
    pages = os.sysconf("SC_PHYS_PAGES") if "SC_PHYS_PAGES" in os.sysconf_names else 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 2  # of a Mac, which frees caches when asked


class _MemoryStatus(ctypes.Structure):
    _fields_ = [
        ("length", ctypes.c_ulong),
        ("load", ctypes.c_ulong),
        ("total", ctypes.c_ulonglong),
        ("available", ctypes.c_ulonglong),
        ("rest", ctypes.c_ulonglong * 5),
    ]


def _free_ram_windows() -> int:
    status = _MemoryStatus()
    status.length = ctypes.sizeof(status)
    library = ctypes.CDLL("kernel32")
    return int(status.available) if library.GlobalMemoryStatusEx(ctypes.byref(status)) else 0


class _GpuMemory(ctypes.Structure):
    _fields_ = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


def _free_gpu() -> int | None:
    try:
        library = ctypes.CDLL(_NVML)
    except OSError:
        return None
    if library.nvmlInit_v2() != _NVML_OK:
        return None
    try:
        device, memory = ctypes.c_void_p(), _GpuMemory()
        if library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)) != _NVML_OK:
            return None
        if library.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) != _NVML_OK:
            return None
        return int(memory.free)
    finally:
        library.nvmlShutdown()


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
