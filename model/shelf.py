"""All model files by one set of names: pinned weights, hub repositories, folders of one's own.

Knows no window and no command line; each kind of file keeps its own rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from model import catalog
from model.errors import WeightsError
from model.free_memory import FreeMemory
from model.hub import HubStore
from model.local_models import PREFIX, LocalModels
from model.readiness import Readiness, local_readiness, readiness
from model.vita_audio import directory
from model.weights import ProgressReport, WeightStore


class ModelShelf:
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
