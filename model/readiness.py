"""Whether a model of the catalog can be used here and now, and if not, why.

Looks at installed packages, files and free memory; imports none of the packages.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from model.catalog import CatalogEntry
from model.errors import ModelError
from model.free_memory import FreeMemory
from model.hub import HubStore
from model.hub_client import GET_LIBRARY
from model.vita_audio import directory
from model.vita_audio.precision import ModelSize, choose_precision
from model.weights import WeightStore

_GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Readiness:
    """``reason`` is one sentence, also where all is well."""

    is_ready: bool
    reason: str


def readiness(
    entry: CatalogEntry, weights: WeightStore, hub: HubStore, memory: FreeMemory
) -> Readiness:
    """Of a published model; the first obstacle is the reason."""
    obstacle = _packages_missing(entry)
    if obstacle:
        return Readiness(False, obstacle)
    repositories = [found.name for found in hub.manifest.in_group(entry.hub_group)]
    absent = [name for name in entry.weights if not weights.is_present(name)]
    absent += hub.missing(repositories)
    if absent:
        n_bytes = sum(weights.manifest.named(n).n_bytes for n in absent if n in entry.weights)
        n_bytes += sum(hub.n_bytes(name) for name in absent if name in repositories)
        command = f"parley models get {entry.hub_group or ' '.join(absent)}"
        return Readiness(
            False, f"not downloaded, {n_bytes / _GIGABYTE:.1f} GB are missing: {command}"
        )
    return _fits(entry.size, memory) if entry.size is not None else Readiness(True, "ready")


def local_readiness(folder: Path, entry: CatalogEntry, memory: FreeMemory) -> Readiness:
    """Of a folder that was added."""
    obstacle = _packages_missing(entry)
    if obstacle:
        return Readiness(False, obstacle)
    try:
        found = directory.resolve(folder)
        return _fits(ModelSize.from_config(found.config), memory)
    except ModelError as error:
        return Readiness(False, str(error))


def _packages_missing(entry: CatalogEntry) -> str:
    absent = [name for name in entry.packages if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"{', '.join(absent)} not installed; run: {GET_LIBRARY}"


def _fits(size: ModelSize, memory: FreeMemory) -> Readiness:
    try:
        choice = choose_precision(memory.n_bytes, size, memory.device_kind)
    except ModelError as error:
        return Readiness(False, str(error))
    slow = "" if memory.gpu is not None else "; without a GPU it is too slow for a conversation"
    return Readiness(True, choice.reason + slow)
