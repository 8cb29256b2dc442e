"""All model files by one set of names: pinned weights, hub repositories, folders of one's own."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from model import catalog
from model.errors import WeightsError
from model.files.records import read_json
from model.files.whole_file import write_atomically
from model.store.hub import HubStore
from model.store.hub_client import HuggingFaceHub
from model.store.manifest import load_repositories
from model.store.packages import WeightStore, default_store
from model.store.readiness import FreeMemory, Readiness, free_memory, local_readiness, readiness
from model.types import ProgressReport, SpeechModelInfo, WeightInfo
from model.vita_audio.checkpoint import directory

PREFIX = "local:"
MIRROR_VARIABLE = "PARLEY_HUB_MIRROR"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BYTES_PER_MB = 1e6
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A folder of one's own that can be chosen as a model."""

    name: str
    folder: Path

    @property
    def choice(self) -> str:
        """Return what stands in the settings."""
        return PREFIX + self.name


@dataclass(frozen=True, slots=True)
class _LocalModelsFile:
    models: dict[str, str]


class LocalModels:
    """The folders listed in ``file``; read anew at every call, so that two programs may use it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def all(self) -> tuple[LocalModel, ...]:
        """Return all folders, the oldest first. Raises WeightsError for a damaged list."""
        return tuple(LocalModel(name, Path(folder)) for name, folder in self._read().items())

    def named(self, name: str) -> LocalModel:
        """Return one folder by its name, with or without "local:". Raises WeightsError."""
        plain = name.removeprefix(PREFIX)
        for model in self.all():
            if model.name == plain:
                return model
        known = ", ".join(model.name for model in self.all()) or "none"
        raise WeightsError(f"no folder was added as {plain!r}; added: {known}")

    def add(self, folder: Path, name: str = "") -> LocalModel:
        """Remember ``folder``; again under the same name: replace it.

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

    def is_present(self, name: str) -> bool:
        """Return whether the folder is there."""
        return self.named(name).folder.is_dir()

    def n_bytes(self, name: str) -> int:
        """Return 0: folders of one's own take no room of ours."""
        self.named(name)
        return 0

    def problems(self, name: str) -> tuple[str, ...]:
        """Compare names, sizes and keys of the files; return one line for each that is wrong."""
        return directory.problems_of(self.named(name).folder)

    def remove(self, name: str) -> bool:
        """Take the folder from the list; the folder itself stays. Raises WeightsError."""
        found = self.named(name)
        self._write({n: folder for n, folder in self._read().items() if n != found.name})
        return True

    def _read(self) -> dict[str, str]:
        if not self._file.exists():
            return {}
        return read_json(self._file, _LocalModelsFile, WeightsError, remedy="remove it").models

    def _write(self, models: Mapping[str, str]) -> None:
        try:
            text = json.dumps({"models": models}, indent=2, ensure_ascii=False) + "\n"
            write_atomically(self._file, text)
        except OSError as error:
            raise WeightsError(f"{self._file}: cannot be written: {error}") from error


class ModelStore:
    """All files by name: of a weight, a repository, a group of them, or a folder ("local:NAME")."""

    def __init__(self, weights: WeightStore, hub: HubStore, local: LocalModels) -> None:
        self.weights = weights
        self.hub = hub
        self.local = local

    def use_mirror(self, setting: str, override: str = "") -> None:
        """Ask the hub at ``override``, else at PARLEY_HUB_MIRROR, else at ``setting``."""
        self.hub.client = HuggingFaceHub(override or os.environ.get(MIRROR_VARIABLE, "") or setting)

    def expand(self, names: Iterable[str]) -> list[str]:
        """Replace groups by their members; the order is kept and nothing comes twice.

        Raises:
            WeightsError: a name is none of them.
        """
        chosen: dict[str, None] = {}
        for name in names:
            for manifest in (self.weights.manifest, self.hub.manifest):
                if name in manifest.groups:
                    chosen.update((entry.name, None) for entry in manifest.in_group(name))
                    break
            else:
                chosen[self._full_name(name)] = None
        return list(chosen)

    def _full_name(self, name: str) -> str:
        if name in self.hub.manifest:
            return name
        if name.startswith(PREFIX) or name in {model.name for model in self.local.all()}:
            return self.local.named(name).choice
        return self.weights.manifest.named(name).name

    def expand_for_removal(self, names: Iterable[str]) -> list[str]:
        """Expand, but leave out what these share with another model that is here."""
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
        """Return whether what only this model needs has been fetched."""
        own = [found for found in self.hub.manifest.in_group(group) if found.groups == (group,)]
        return any(self.hub.is_present(found.name) for found in own)

    def is_present(self, name: str) -> bool:
        """Return whether the files are here, by their sizes."""
        return self._place_of(name).is_present(name)

    def n_bytes(self, name: str) -> int:
        """Return the size in bytes; 0 for a folder of one's own."""
        return self._place_of(name).n_bytes(name)

    def problems(self, name: str) -> tuple[str, ...]:
        """Read every byte (of a folder: names, sizes and keys); return a line for each fault."""
        return self._place_of(name).problems(name)

    def remove(self, name: str) -> bool:
        """Delete files, or forget a folder; return False where there was nothing."""
        return self._place_of(name).remove(name)

    def _place_of(self, name: str) -> WeightStore | HubStore | LocalModels:
        if name.startswith(PREFIX):
            return self.local
        return self.hub if name in self.hub.manifest else self.weights

    def missing(self, names: Iterable[str]) -> Mapping[str, int]:
        """Return those of ``names`` that are not here, with their sizes in bytes."""
        return {name: self.n_bytes(name) for name in names if not self.is_present(name)}

    def fetch(self, names: Iterable[str], report: ProgressReport) -> None:
        """Bring what is missing. Raises WeightsError; what ``report`` raises ends it."""
        listed = list(names)
        if local := [name for name in listed if name.startswith(PREFIX)]:
            raise WeightsError(f"{local[0]} is a folder of your own; there is nothing to fetch")
        if weights := [name for name in listed if name not in self.hub.manifest]:
            self.weights.fetch(weights, report)
        if repositories := [name for name in listed if name in self.hub.manifest]:
            self.hub.fetch(repositories, report)

    def add(self, folder: Path, name: str = "") -> str:
        """Check that ``folder`` holds a model and remember it; return what to choose.

        Raises:
            WeightsError: it holds none, or a part is missing; nothing was remembered.
        """
        directory.resolve(folder)
        return self.local.add(folder, name).choice

    def readiness(self, model: str, memory: FreeMemory | None = None) -> Readiness:
        """Judge a model of the catalog or a folder ("local:NAME"). Raises ModelError.

        Args:
            memory: what is free; None looks at this machine.
        """
        entry, memory = catalog.entry(model), memory or free_memory()
        if model.startswith(PREFIX):
            return local_readiness(self.local.named(model).folder, entry, memory)
        return readiness(entry, self.weights, self.hub, memory)

    def options_for(self, model: str) -> dict[str, str]:
        """Return what ``catalog.build`` needs to find the files of ``model``.

        Raises:
            WeightsError: no folder was added under that name.
        """
        if not model.startswith(PREFIX):
            return {}
        found = self.local.named(model)
        return {catalog.DIRECTORY: str(found.folder), catalog.NAME: found.choice}

    def files(self) -> tuple[WeightInfo, ...]:
        """Return every weight, and every repository of a hub as one file."""
        return tuple(
            WeightInfo(
                name=entry.name,
                title=entry.purpose,
                megabytes=self.n_bytes(entry.name) / _BYTES_PER_MB,
                licence=entry.licence,
                is_present=self.is_present(entry.name),
                groups=entry.groups,
                origin=entry.origin,
            )
            for manifest in (self.weights.manifest, self.hub.manifest)
            for entry in manifest
        )

    def speech_models(self) -> tuple[SpeechModelInfo, ...]:
        """Return the embedded model, the large ones and added folders, with what each lacks here.

        Raises:
            WeightsError: the list of folders is damaged.
        """
        memory = free_memory()
        infos: list[SpeechModelInfo] = []
        for entry in catalog.catalog():
            if entry.name == catalog.DEFAULT_MODEL or entry.is_heavy:
                state = self.readiness(entry.name, memory)
                infos.append(
                    SpeechModelInfo(
                        entry.name, entry.title, entry.size_mb, entry.licence, state.is_ready,
                        state.reason,
                    )
                )  # fmt: skip
        for model in self.local.all():
            state = self.readiness(model.choice, memory)
            reason = f"{state.reason} ({model.folder})"
            infos.append(
                SpeechModelInfo(model.choice, model.name, 0.0, "", state.is_ready, reason, True)
            )
        return tuple(infos)


def default_model_store(local_models: Path) -> ModelStore:
    """Return the user's model files; ``local_models`` is the list of folders of their own."""
    weights = default_store()
    hub = HubStore(weights.folder, load_repositories())
    return ModelStore(weights, hub, LocalModels(local_models))
