"""The weights folder: what is there, what is missing, and how the missing part gets there.

Every file is taken from the first source whose bytes have the manifest's SHA-256, and appears under
its name only when complete. Knows no model and no window; progress goes to a callback.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from model.errors import WeightsError
from model.store.archives import (
    COPY_BYTES,
    HALF_ENDING,
    Downloader,
    IndexDownloader,
    replacing,
    take_members,
)
from model.store.manifest import Archive, Manifest, Part, Source, SourceKind, Weight, load_manifest

__all__ = ["FetchProgress", "Manifest", "WeightStore", "default_folder", "default_manifest"]
__all__ += ["default_store", "load_manifest"]

# A download that was cut or damaged is asked for once more; pip repeats lost connections by itself.
ATTEMPTS = 2
# Room for the largest single archive of the manifest (93 MB) beside the files themselves.
SPARE_BYTES = 128 << 20
_MIB = 1 << 20
_PARTIAL = ".partial"
_ARCHIVE_PREFIX = "archive-"


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far one file is. ``note`` is a line worth showing once, e.g. which source failed."""

    name: str
    n_done: int
    n_bytes: int
    note: str = ""


ProgressReport = Callable[[FetchProgress], None]


def default_folder() -> Path:
    """PARLEY_WEIGHTS, else "weights" in the user's cache."""
    chosen = os.environ.get("PARLEY_WEIGHTS")
    return Path(chosen) if chosen else platformdirs.user_cache_path("parley") / "weights"


def default_manifest() -> Path:
    return Path(__file__).resolve().parents[2] / "resources" / "weights.toml"


def default_store() -> WeightStore:
    """The user's weights. PARLEY_OFFLINE=1 asks no source, PARLEY_WEIGHTS_HUB=1 asks hubs too."""
    return WeightStore(
        default_folder(),
        load_manifest(default_manifest()),
        is_offline=os.environ.get("PARLEY_OFFLINE") == "1",
        may_use_hub=os.environ.get("PARLEY_WEIGHTS_HUB") == "1",
    )


class WeightStore:
    """One folder of weights. Several processes may use the same folder; one fetches at a time.

    Attributes:
        is_offline: no source is asked; what is missing is an error.
        may_use_hub: hub sources are tried. Off by default: on a network that does not reach a hub
            each attempt costs its time-out, and the bytes are the same.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        downloader: Downloader | None = None,
        is_offline: bool = False,
        may_use_hub: bool = False,
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.is_offline = is_offline
        self.may_use_hub = may_use_hub
        self._downloader = downloader or IndexDownloader()

    def path(self, name: str) -> Path:
        """Where the weight is, or will be. Raises WeightsError for an unknown name."""
        return self.folder / self.manifest.named(name).path

    def require(self, name: str) -> Path:
        """Like ``path``; raises WeightsError with the command to run when it is not there."""
        if not self.is_present(name):
            raise WeightsError(f"{self.path(name)} is missing; run: parley models get {name}")
        return self.path(name)

    def is_present(self, name: str) -> bool:
        """The file is there with its size; the hash is checked on arrival and by ``verify``."""
        weight = self.manifest.named(name)
        try:
            return self.path(name).stat().st_size == weight.n_bytes
        except OSError:
            return False

    def missing(self, group: str) -> tuple[str, ...]:
        """Names of the group's weights that are not there."""
        weights = self.manifest.in_group(group)
        return tuple(weight.name for weight in weights if not self.is_present(weight.name))

    def verify(self, name: str) -> bool:
        """Reads the whole file: present, with the manifest's SHA-256."""
        return (
            self.is_present(name) and _sha256(self.path(name)) == self.manifest.named(name).sha256
        )

    def remove(self, name: str) -> bool:
        """Deletes the file; False when it was not there."""
        path = self.path(name)
        was_there = path.exists()
        path.unlink(missing_ok=True)
        return was_there

    @property
    def size_on_disk(self) -> int:
        """Bytes of everything in the folder, half-fetched parts included."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def fetch(self, names: Iterable[str], report: ProgressReport) -> None:
        """Brings what is missing of ``names``; a second call goes on where a broken one stopped.

        Raises:
            WeightsError: one line: offline, no room, or every source of a file failed.
        """
        wanted = [self.manifest.named(name) for name in names]
        if all(self.is_present(weight.name) for weight in wanted):
            return
        if self.is_offline:
            absent = ", ".join(w.name for w in wanted if not self.is_present(w.name))
            raise WeightsError(
                f"offline, but missing: {absent}; go online and run: parley models get"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        with one_fetcher(self.folder, report):
            absent_weights = [w for w in wanted if not self.is_present(w.name)]
            self._check_room(absent_weights)
            for weight in absent_weights:
                self._fetch_one(weight, absent_weights, report)
                self._forget_parts(weight)
            self._tidy()

    def _forget_parts(self, weight: Weight) -> None:
        for source in weight.sources:
            for part in source.parts:
                self._part_path(part).unlink(missing_ok=True)

    def _tidy(self) -> None:
        """Drops archives that a killed process left; parts of unfinished weights stay."""
        partial = self.folder / _PARTIAL
        for stale in partial.glob(f"{_ARCHIVE_PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)
        for half in partial.glob(f"*{HALF_ENDING}"):
            half.unlink()
        if partial.is_dir() and not any(partial.iterdir()):
            partial.rmdir()

    def _check_room(self, weights: list[Weight]) -> None:
        sizes = [weight.n_bytes for weight in weights]
        n_needed = sum(sizes) + max(sizes, default=0) + SPARE_BYTES
        n_free = shutil.disk_usage(self.folder).free
        if n_free < n_needed:
            raise WeightsError(
                f"{self.folder} has {n_free // _MIB} MiB free, {n_needed // _MIB} MiB are needed; "
                "free some space or set PARLEY_WEIGHTS to another folder"
            )

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
            path = self._downloader.download(archive, Path(folder), report)
            targets = {part.member: self._part_path(part) for part in members}
            take_members(path, targets, max(members.values()))

    def _join(self, source: Source, weight: Weight) -> None:
        parts = [self._part_path(part) for part in source.parts]
        digest = hashlib.sha256()
        with replacing(self.folder / _PARTIAL / f"{weight.sha256}.joined") as joined:
            for path in parts:
                with path.open("rb") as stream:
                    while block := stream.read(COPY_BYTES):
                        digest.update(block)
                        joined.write(block)
        for path in parts:
            path.unlink()
        joined_path = self.folder / _PARTIAL / f"{weight.sha256}.joined"
        if digest.hexdigest() != weight.sha256:
            joined_path.unlink()
            raise WeightsError(
                f"its bytes have SHA-256 {digest.hexdigest()[:16]}…, "
                f"the manifest wants {weight.sha256[:16]}…; nothing was kept"
            )
        target = self.folder / weight.path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(joined_path, target)

    def _part_path(self, part: Part) -> Path:
        """A name of our own: a part survives a restart and no archive names a path."""
        archive = part.archive
        key = f"{archive.kind} {archive.package} {archive.platform} {archive.file} {part.member}"
        return self.folder / _PARTIAL / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.part"


def _members_of(archive: Archive, weights: list[Weight]) -> dict[Part, int]:
    """Every wanted part that this archive holds, with the size it may have at most.

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


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def one_fetcher(folder: Path, report: ProgressReport) -> Generator[None]:
    """Holds the folder's lock file; the system releases it when the process dies."""
    with (folder / ".lock").open("a+b") as lock:
        if not _try_lock(lock.fileno()):
            report(FetchProgress("", 0, 0, "another process is fetching; waiting for it"))
            _wait_for_lock(lock.fileno())
        yield


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _wait_for_lock(descriptor: int) -> None:
        # LK_LOCK gives up after ten seconds.
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError:
                continue
            return

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _wait_for_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
