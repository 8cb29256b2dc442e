"""One folder for everything that is slow to make, addressed by what determines its content.

Synthesized phrases, scenes as the engine heard them, scores of end-of-turn detectors and states of
the text reader are its kinds. An entry is a safetensors file, so any tool can look into it.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from model.files.whole_file import SHARED, write_atomically

LIMIT_BYTES = 20 * 10**9  # an hour of clips needs 130 MB

log = logging.getLogger(__name__)

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What was made; ``about`` is JSON."""

    tensors: Tensors
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])


def address(kind: str, *determined_by: object) -> str:
    """Return the address of an entry; ``determined_by`` is JSON that fixes its content."""
    key = json.dumps(determined_by, sort_keys=True, ensure_ascii=False)
    return f"{kind}/{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file; "" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


class Cache:
    """Entries in ``folder``. Several processes may share one: a file is whole or not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, where: str) -> bool:
        """Whether there is an entry at the address ``where``."""
        return self._path(where).is_file()

    def read(self, where: str) -> Entry | None:
        """Return the entry at ``where``; a damaged one is removed, as if it had never been made."""
        path = self._path(where)
        try:
            with _opened(path) as file:
                header: dict[str, str] = file.metadata() or {}
                tensors: dict[str, npt.NDArray[Any]] = {
                    name: file.get_tensor(name)
                    for name in file.keys()  # noqa: SIM118  a handle, no mapping
                }
        except FileNotFoundError:
            return None
        except (OSError, safetensors.SafetensorError):
            header, tensors = {}, {}
        about = header.get("about", "")
        if header.get("digest") != _digest(tensors, about):
            log.info("%s is damaged and is made again", path)
            path.unlink(missing_ok=True)
            return None
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
        return Entry(tensors, json.loads(about))

    def write(self, where: str, entry: Entry) -> None:
        """Put ``entry`` at ``where``, replacing what is there."""
        tensors = {name: np.ascontiguousarray(value) for name, value in entry.tensors.items()}
        about = json.dumps(entry.about, ensure_ascii=False)
        header = {"about": about, "digest": _digest(tensors, about)}
        content = safetensors.numpy.save(tensors, header)
        write_atomically(self._path(where), content, mode=SHARED)

    def made(self, where: str, make: Callable[[], Entry]) -> Entry:
        """Return the entry at ``where``, made now if it is missing or damaged."""
        entry = self.read(where)
        if entry is None:
            entry = make()
            self.write(where, entry)
        return entry

    def trim(self, limit_bytes: int = LIMIT_BYTES) -> dict[str, tuple[int, int]]:
        """Remove the entries unused for longest until ``limit_bytes`` are kept.

        Returns:
            How many entries of each kind are left, and their bytes.
        """
        found = [(path, path.stat()) for path in self._folder.glob("*/*.safetensors")]
        kinds: dict[str, tuple[int, int]] = {}
        total = 0
        for path, stat in sorted(found, key=lambda pair: pair[1].st_atime_ns, reverse=True):
            total += stat.st_size
            if total > limit_bytes:
                path.unlink(missing_ok=True)
            else:
                n, size = kinds.get(path.parent.name, (0, 0))
                kinds[path.parent.name] = (n + 1, size + stat.st_size)
        return kinds

    def _path(self, where: str) -> Path:
        return self._folder / f"{where}.safetensors"


def _opened(path: Path) -> Any:  # noqa: ANN401  a library without types
    library: Any = safetensors
    return library.safe_open(path, framework="np")


def _digest(tensors: Tensors, about: str) -> str:
    digest = hashlib.sha256(about.encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
