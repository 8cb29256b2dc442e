"""Whether a model can be used here and now: installed packages, files and free memory.

None of the packages is imported; the system and the card's driver are asked directly.
"""

import ctypes
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from model.catalog import CatalogEntry
from model.errors import ModelError
from model.store.hub import HubStore
from model.store.hub_client import GET_LIBRARY
from model.store.packages import WeightStore
from model.vita_audio.checkpoint import directory
from model.vita_audio.checkpoint.precision import ModelSize, choose_precision

_GIGABYTE = 1e9
_NVML = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
_NVML_OK = 0


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Free memory in bytes; ``gpu`` is None without an NVIDIA card that answers."""

    ram: int
    gpu: int | None

    @property
    def device_kind(self) -> str:
        """Return where a large model would go: "cuda" or "cpu"."""
        return "cpu" if self.gpu is None else "cuda"

    @property
    def n_bytes(self) -> int:
        """Return what is free there, in bytes."""
        return self.ram if self.gpu is None else self.gpu


def free_memory() -> FreeMemory:
    """Return the memory that is free now; takes milliseconds."""
    return FreeMemory(psutil.virtual_memory().available, _free_gpu())


class _GpuMemory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


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


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a model can be used; ``reason`` is one sentence, also where all is well."""

    is_ready: bool
    reason: str


def readiness(
    entry: CatalogEntry, weights: WeightStore, hub: HubStore, memory: FreeMemory
) -> Readiness:
    """Judge a published model; the first obstacle is the reason."""
    if obstacle := _packages_missing(entry):
        return Readiness(False, obstacle)
    is_on_hub = entry.name in hub.manifest.groups
    repositories = hub.manifest.in_group(entry.name) if is_on_hub else ()
    absent = {name: weights.n_bytes(name) for name in entry.weights if not weights.is_present(name)}
    absent |= {
        found.name: hub.n_bytes(found.name)
        for found in repositories
        if not hub.is_present(found.name)
    }
    if absent:
        size = f"{sum(absent.values()) / _GIGABYTE:.1f} GB"
        command = f"parley models get {entry.name if is_on_hub else ' '.join(absent)}"
        return Readiness(False, f"not downloaded, {size} are missing: {command}")
    return _fits(entry.size, memory) if entry.size is not None else Readiness(True, "ready")


def local_readiness(folder: Path, entry: CatalogEntry, memory: FreeMemory) -> Readiness:
    """Judge a folder that was added."""
    if obstacle := _packages_missing(entry):
        return Readiness(False, obstacle)
    try:
        return _fits(ModelSize.from_config(directory.resolve(folder).config), memory)
    except ModelError as error:
        return Readiness(False, str(error))


def _packages_missing(entry: CatalogEntry) -> str:
    absent = [name for name in entry.packages if importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)} not installed; run: {GET_LIBRARY}" if absent else ""


def _fits(size: ModelSize, memory: FreeMemory) -> Readiness:
    try:
        choice = choose_precision(memory.n_bytes, size, memory.device_kind)
    except ModelError as error:
        return Readiness(False, str(error))
    slow = "" if memory.gpu is not None else "; without a GPU it is too slow for a conversation"
    return Readiness(True, choice.reason + slow)
