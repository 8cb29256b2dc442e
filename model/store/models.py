"""All model files by one set of names: pinned weights, hub repositories, folders of one's own.

Knows no window and no command line; each kind of file keeps its own rules.

Folders of one's own that can be chosen as a model: a name and a path each, in one small file.

Forgetting one leaves the folder alone. Knows no layout (``vita_audio.directory``) and no settings.

Whether a model of the catalog can be used here and now, and if not, why.

Looks at installed packages, files and free memory; imports none of the packages.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from model import catalog
from model.catalog import CatalogEntry
from model.errors import ModelError, WeightsError
from model.memory import FreeMemory
from model.store.archives import replacing
from model.store.hub import HubStore
from model.store.hub_client import GET_LIBRARY
from model.store.packages import ProgressReport, WeightStore
from model.vita_audio.checkpoint import directory
from model.vita_audio.checkpoint.precision import ModelSize, choose_precision

PREFIX = "local:"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class LocalModel:
    name: str
    folder: Path

    @property
    def choice(self) -> str:
        """What stands in the settings."""
        return PREFIX + self.name


class LocalModels:
    """The list in ``file``; read anew at every call, so that two programs may use it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> tuple[LocalModel, ...]:
        return tuple(LocalModel(name, Path(folder)) for name, folder in self._read().items())

    def named(self, name: str) -> LocalModel:
        """``name`` with or without "local:". Raises WeightsError for one that is not listed."""
        plain = name.removeprefix(PREFIX)
        for model in self.all():
            if model.name == plain:
                return model
        known = ", ".join(model.name for model in self.all()) or "none"
        raise WeightsError(f"no folder was added as {plain!r}; added: {known}")

    def add(self, folder: Path, name: str = "") -> LocalModel:
        """Remembers ``folder``; again under the same name: replaces it.

        Raises:
            WeightsError: the name cannot be used, or the list cannot be written.
        """
        made = name or _NOT_IN_NAMES.sub("-", folder.absolute().name).strip("-.")
        if not _NAME.fullmatch(made):
            raise WeightsError(
                f"{made!r} is no name for a model; use letters, digits, '.', '_' and '-'"
            )
        self._write({**self._read(), made: str(folder.absolute())})
        return LocalModel(made, folder.absolute())

    def forget(self, name: str) -> LocalModel:
        """Takes it from the list; the folder stays. Raises WeightsError."""
        found = self.named(name)
        self._write({n: folder for n, folder in self._read().items() if n != found.name})
        return found

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            models = cast("Mapping[str, object]", content["models"])
            return {str(name): str(folder) for name, folder in models.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise WeightsError(f"{self._file}: cannot be read ({reason}); remove it") from error

    def _write(self, models: Mapping[str, str]) -> None:
        text = json.dumps({"models": models}, indent=2, ensure_ascii=False) + "\n"
        try:
            with replacing(self._file) as stream:
                stream.write(text.encode())
        except OSError as error:
            raise WeightsError(f"{self._file}: cannot be written: {error}") from error


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


class ModelStore:
    """Names are those of weights and their groups, of repositories and their groups, of folders."""

    def __init__(self, weights: WeightStore, hub: HubStore, local: LocalModels) -> None:
        self.weights = weights
        self.hub = hub
        self.local = local

    def expand(self, names: Iterable[str]) -> list[str]:
        """Groups become their members; the order is kept and nothing comes twice.

        Raises:
            WeightsError: a name is none of them.
        """
        chosen: dict[str, None] = {}
        for name in names:
            if name in self.weights.manifest.groups:
                members = self.weights.manifest.in_group(name)
                chosen.update((weight.name, None) for weight in members)
            elif name in self.hub.manifest.groups:
                repositories = self.hub.manifest.in_group(name)
                chosen.update((found.name, None) for found in repositories)
            elif self._is_hub(name):
                chosen[name] = None
            elif self._is_local(name) or name in {model.name for model in self.local.all()}:
                chosen[self.local.named(name).choice] = None
            else:
                chosen[self.weights.manifest.named(name).name] = None
        return list(chosen)

    def expand_for_removal(self, names: Iterable[str]) -> list[str]:
        """Like ``expand``, but what another model that is here shares with these stays."""
        listed = list(names)
        chosen = self.expand(listed)
        staying = {
            found.name
            for group in self.hub.manifest.groups
            if group not in listed and self._is_group_here(group)
            for found in self.hub.manifest.in_group(group)
        }
        return [name for name in chosen if name in listed or name not in staying]

    def _is_group_here(self, group: str) -> bool:
        """What only this model needs has been fetched."""
        own = [found for found in self.hub.manifest.in_group(group) if found.groups == (group,)]
        return any(self.hub.is_present(found.name) for found in own)

    def is_present(self, name: str) -> bool:
        if self._is_local(name):
            return self.local.named(name).folder.is_dir()
        return self.hub.is_present(name) if self._is_hub(name) else self.weights.is_present(name)

    def n_bytes(self, name: str) -> int:
        """Of a weight or a repository; 0 of a folder of one's own."""
        if self._is_local(name):
            return 0
        if self._is_hub(name):
            return self.hub.n_bytes(name)
        return self.weights.manifest.named(name).n_bytes

    def fetch(self, names: Iterable[str], report: ProgressReport) -> None:
        """Brings what is missing. Raises WeightsError; what ``report`` raises ends it."""
        listed = list(names)
        local = [name for name in listed if self._is_local(name)]
        if local:
            raise WeightsError(f"{local[0]} is a folder of your own; there is nothing to fetch")
        weights = [name for name in listed if not self._is_hub(name)]
        hub = [name for name in listed if self._is_hub(name)]
        if weights:
            self.weights.fetch(weights, report)
        if hub:
            self.hub.fetch(hub, report)

    def problems(self, name: str) -> tuple[str, ...]:
        """Reads every byte (of a folder: names, sizes and keys); one line each."""
        if self._is_local(name):
            return directory.problems_of(self.local.named(name).folder)
        if self._is_hub(name):
            return self.hub.problems(name)
        if not self.weights.is_present(name) and not self.weights.path(name).exists():
            return (f"missing; run: parley models get {name}",)
        if self.weights.verify(name):
            return ()
        return (f"damaged; run: parley models remove {name} && parley models get {name}",)

    def remove(self, name: str) -> bool:
        """Deletes files; of a folder of one's own only the entry. False: there was nothing."""
        if self._is_local(name):
            self.local.forget(name)
            return True
        return self.hub.remove(name) if self._is_hub(name) else self.weights.remove(name)

    def readiness(self, model: str, memory: FreeMemory) -> Readiness:
        """Of a model of the catalog or a folder ("local:NAME"). Raises ModelError."""
        entry = catalog.entry(model)
        if self._is_local(model):
            return local_readiness(self.local.named(model).folder, entry, memory)
        return readiness(entry, self.weights, self.hub, memory)

    def options_for(self, model: str) -> dict[str, str]:
        """What ``catalog.build`` needs to find the files of ``model``.

        Raises:
            WeightsError: no folder was added under that name.
        """
        if self._is_local(model):
            found = self.local.named(model)
            return {catalog.DIRECTORY: str(found.folder), catalog.NAME: found.choice}
        return {}

    def add(self, folder: Path, name: str = "") -> str:
        """Checks that ``folder`` holds a model and remembers it; returns what to choose.

        Raises:
            WeightsError: it holds none, or a part is missing; nothing was remembered.
        """
        directory.resolve(folder)
        return self.local.add(folder, name).choice

    def _is_hub(self, name: str) -> bool:
        return name in self.hub.manifest.repositories

    def _is_local(self, name: str) -> bool:
        return name.startswith(PREFIX)
