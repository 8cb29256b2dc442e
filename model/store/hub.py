"""Models fetched from a hub as whole repositories: what is here, and how the rest gets there.

Beside the files stands a lock with the commit of the first download, every size and checksum: later
downloads and checks go by it, so nothing changes here because something changed upstream.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from model.errors import WeightsError
from model.files.records import one_line, read_json
from model.files.whole_file import SHARED, write_atomically
from model.store.archives import COPY_BYTES
from model.store.hub_client import HuggingFaceHub, RemoteFile
from model.store.manifest import Repositories, Repository, is_safe
from model.store.network import NETWORK
from model.store.packages import one_fetcher, require_room
from model.types import FetchProgress, ProgressReport

log = logging.getLogger(__name__)

LOCK = "parley-lock.json"
SPARE_BYTES = 256 << 20  # left free on the disk
_PARTIAL = ".partial"
_CODE = (".py", ".pyc", ".so", ".sh")
_SHORT = 10  # characters of a commit that are shown
_ATTEMPTS = 2  # a damaged file is asked for once more, from its beginning


@dataclass(frozen=True, slots=True)
class Lock:
    """What was found at the first download."""

    format: Literal[1]
    repo: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def n_bytes(self) -> int:
        """Return the size of all files in bytes."""
        return sum(file.n_bytes for file in self.files)


class HubStore:
    """Repositories below the weights folder. One process fetches at a time.

    Attributes:
        client: who asks; replaced where another mirror is wanted.
    """

    def __init__(
        self, folder: Path, manifest: Repositories, client: HuggingFaceHub | None = None
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.client = client or HuggingFaceHub()

    def path(self, name: str) -> Path:
        """Return the repository's folder. Raises WeightsError for an unknown name."""
        return self.folder / self.manifest.named(name).folder

    def lock(self, name: str) -> Lock | None:
        """Return None before the first download, or where the lock is damaged."""
        path = self.path(name) / LOCK
        if not path.is_file():
            return None
        try:
            found = read_json(path, Lock, WeightsError)
        except WeightsError as error:
            log.info("the lock is made anew: %s", error)
            return None
        return found if all(is_safe(file.path) for file in found.files) else None

    def n_bytes(self, name: str) -> int:
        """Return the size in bytes: what the hub has said, else an estimate."""
        found = self.lock(name)
        return found.n_bytes if found is not None else self.manifest.named(name).n_bytes

    def is_present(self, name: str) -> bool:
        """Return whether all files are there with their sizes; ``problems`` reads them."""
        found = self.lock(name)
        return found is not None and not list(self._missing(name, found))

    def problems(self, name: str) -> tuple[str, ...]:
        """Read every file and compare its checksum; return a line for each that differs."""
        found = self.lock(name)
        if found is None:
            return (f"{self.path(name) / LOCK} is missing; run: parley models get {name}",)
        lines: list[str] = []
        for file in found.files:
            path = self.path(name) / file.path
            if not path.is_file():
                lines.append(f"{path} is missing; run: parley models get {name}")
            elif path.stat().st_size != file.n_bytes or not _matches(path, file, lambda _: None):
                path_named = f"{path} differs from the checksum of commit {found.commit[:_SHORT]}"
                lines.append(f"{path_named}; remove it and run: parley models get {name}")
        return tuple(lines)

    def remove(self, name: str) -> bool:
        """Delete the repository's folder; return False when it was not there."""
        path = self.path(name)
        if not path.is_dir():
            return False
        shutil.rmtree(path)
        if path.parent != self.folder and not any(path.parent.iterdir()):
            path.parent.rmdir()
        return True

    def fetch(self, names: Iterable[str], report: ProgressReport) -> None:
        """Bring what is missing; a second call goes on at the byte where a broken one stopped.

        Raises:
            WeightsError: one line: no network, no room, no such file, or a checksum that differs.
        """
        wanted = [self.manifest.named(name) for name in names]
        absent = [found for found in wanted if not self.is_present(found.name)]
        if absent:
            NETWORK.require(", ".join(found.name for found in absent))
        elif not NETWORK.is_open:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with one_fetcher(self.folder, report):
            locks = {found.name: self._locked(found, report) for found in wanted}
            n_needed = sum(self._n_needed(name, lock) for name, lock in locks.items())
            if n_needed:
                require_room(self.folder, n_needed + SPARE_BYTES)
            for found in wanted:
                self._fetch_repository(found, locks[found.name], report)

    def _locked(self, repository: Repository, report: ProgressReport) -> Lock:
        kept = self.lock(repository.name)
        if kept is not None and kept.repo == repository.repo:
            self._compare_upstream(repository, kept, report)
            return kept
        tree = self.client.tree(repository.repo, repository.revision)
        taken = (f for f in tree.files if repository.takes(f.path) and is_safe(f.path))
        files = tuple(file for file in taken if not file.path.endswith(_CODE))
        for pattern in repository.required:
            if not any(fnmatchcase(file.path, pattern) for file in files):
                raise WeightsError(
                    f"{repository.repo}@{repository.revision} has no file {pattern}; the publisher "
                    "has changed the repository, and this version of Parley does not know it"
                )
        found = Lock(1, repository.repo, repository.revision, tree.commit, files)
        text = json.dumps(asdict(found), indent=2) + "\n"
        write_atomically(self.path(repository.name) / LOCK, text, mode=SHARED)
        log.info("%s is pinned to commit %s", repository.repo, tree.commit)
        return found

    def _compare_upstream(self, repository: Repository, kept: Lock, report: ProgressReport) -> None:
        """Tell when the publisher has moved on. Without an answer there is nothing to tell."""
        try:
            now = self.client.tree(repository.repo, repository.revision).commit
        except WeightsError as error:
            log.info("%s was not asked for changes: %s", repository.repo, error)
            return
        if now != kept.commit:
            note = (
                f"{repository.repo}: {repository.revision} is now {now[:_SHORT]}, the files here "
                f"are those of {kept.commit[:_SHORT]} and stay; to take the new ones: "
                f"parley models remove {repository.name}, then get"
            )
            report(FetchProgress(repository.name, 0, kept.n_bytes, note))

    def _missing(self, name: str, found: Lock) -> Iterator[RemoteFile]:
        for file in found.files:
            path = self.path(name) / file.path
            if not path.is_file() or path.stat().st_size != file.n_bytes:
                yield file

    def _n_needed(self, name: str, found: Lock) -> int:
        """Return how many bytes are still to come."""
        return sum(f.n_bytes - _size(self._part(name, f)) for f in self._missing(name, found))

    def _fetch_repository(
        self, repository: Repository, found: Lock, report: ProgressReport
    ) -> None:
        name = repository.name
        absent = list(self._missing(name, found))
        n_before = found.n_bytes - sum(file.n_bytes for file in absent)
        report(FetchProgress(name, n_before, found.n_bytes))
        for file in absent:

            def say(n_done: int, n_before: int = n_before) -> None:
                report(FetchProgress(name, n_before + n_done, found.n_bytes))

            self._fetch_file(name, found, file, say)
            n_before += file.n_bytes
        shutil.rmtree(self.path(name) / _PARTIAL, ignore_errors=True)

    def _fetch_file(
        self, name: str, found: Lock, file: RemoteFile, say: Callable[[int], None]
    ) -> None:
        part = self._part(name, file)
        part.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            if _size(part) > file.n_bytes:
                part.unlink()
            try:
                if _size(part) < file.n_bytes or file.n_bytes == 0:
                    self.client.download(found.repo, found.commit, file, part, say)
            except OSError as error:
                reason = f"{part}: {one_line(str(error))}"
                if error.errno == errno.ENOSPC:
                    reason = f"{part.parent}: the disk is full; free some space and run it again"
                raise WeightsError(reason) from error
            if _size(part) == file.n_bytes and _matches(part, file, say):
                target = self.path(name) / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(part, target)
                return
            part.unlink(missing_ok=True)
        raise WeightsError(
            f"{found.repo}: {file.path}: its bytes differ from the hub's checksum; nothing of it "
            "was kept. Try again later, or without the mirror"
        )

    def _part(self, name: str, file: RemoteFile) -> Path:
        key = hashlib.sha256(f"{file.path} {file.sha256}{file.git_sha1}".encode()).hexdigest()
        return self.path(name) / _PARTIAL / f"{key[:32]}.part"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _matches(path: Path, file: RemoteFile, say: Callable[[int], None]) -> bool:
    """Compare with the hub's checksum: SHA-256 of large files, the git object of the others."""
    digest = hashlib.sha256()
    expected = file.sha256
    if not expected:
        digest = hashlib.sha1(b"blob %d\0" % file.n_bytes, usedforsecurity=False)
        expected = file.git_sha1
    with path.open("rb") as stream:
        while block := stream.read(COPY_BYTES):
            digest.update(block)
            say(file.n_bytes)  # so that a person can give up while a large file is read
    return digest.hexdigest() == expected
