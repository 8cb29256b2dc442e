"""The list of hub repositories that models are made of. Knows the file's format only."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from model.errors import WeightsError
from model.weights_manifest import NAME, Table, safe_path

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
    return Path(__file__).resolve().parents[1] / "resources" / "hub_models.toml"


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
