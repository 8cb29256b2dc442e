"""Which files are trained on, and how much of each: a TOML file.

    seed = 42

    [sources.questions]
    files = ["speech_to_speech.jsonl"]   # relative to the mixture; * and ** find several
    ratio = 2.0                          # each file twice; 0.05 takes a twentieth
    most = 100000                        # and never more samples of a file than this
    system = "luke"                      # who answers, where a sample has no system message

Source: VITA-Audio, data configuration: each file is shuffled by the seed, then as many samples as
ratio and limit say are taken in turn. Reads no sample.
"""

from __future__ import annotations

import hashlib
import math
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from model.training.data.jsonl_file import JsonlFile
from model.training.data.problems import DataError, Place

_SEED = 42
LUKE = "luke"  # the name that demonstrations of VITA-Audio answer by
_TOP_KEYS = ("seed", "sources")
_SOURCE_KEYS = ("files", "ratio", "most", "system")


@dataclass(frozen=True, slots=True)
class Source:
    """A name, its files, and how they are used.

    Attributes:
        ratio: samples taken of each file, as a part or a multiple of what it has.
        most: samples taken of each file at most; None: any number.
        system: message for a spoken conversation that has none of its own: luke, lucy or omni, or
            a text; "": none.
    """

    name: str
    files: tuple[JsonlFile, ...]
    ratio: float = 1.0
    most: int | None = None
    system: str = LUKE

    def n_taken(self, file: JsonlFile) -> int:
        n = int(len(file) * self.ratio)
        return n if self.most is None else min(n, self.most)


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample of a mixture."""

    source: Source
    file: JsonlFile
    index: int

    @property
    def place(self) -> Place:
        return self.file.place(self.index)


@dataclass(frozen=True)
class Mixture:
    """All sources.

    Attributes:
        path: of the TOML file, or of the one JSONL file that stands for a whole mixture.
    """

    path: Path
    sources: tuple[Source, ...]
    seed: int = _SEED

    @property
    def files(self) -> tuple[tuple[Source, JsonlFile], ...]:
        return tuple((source, file) for source in self.sources for file in source.files)

    @cached_property
    def _chosen(self) -> NDArray[np.int64]:
        """(n, 2): number of the file, and of the line in it."""
        parts: list[NDArray[np.int64]] = []
        for number, (source, file) in enumerate(self.files):
            order = np.random.default_rng(self.seed).permutation(len(file))
            taken = order[np.arange(source.n_taken(file)) % len(file)]
            parts.append(np.stack((np.full_like(taken, number), taken), axis=1))
        return np.concatenate(parts)

    def __len__(self) -> int:
        """Samples of an epoch."""
        return len(self._chosen)

    def entry(self, index: int) -> Entry:
        number, line = self._chosen[index]
        source, file = self.files[int(number)]
        return Entry(source, file, int(line))

    def order(self, epoch: int) -> NDArray[np.int64]:
        """All samples, shuffled as ``epoch`` has them."""
        return np.random.default_rng((self.seed, epoch)).permutation(len(self))

    @cached_property
    def fingerprint(self) -> str:
        """Differs where other samples, or the same in another order, would come."""
        parts = [str(self.seed)]
        for source, file in self.files:
            parts += [source.name, file.path.name, str(file.n_bytes), source.system]
            parts.append(str(source.n_taken(file)))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_mixture(path: Path) -> Mixture:
    """Reads a mixture; a JSONL file counts as one whose only source it is.

    Raises:
        DataError: a file is missing, or a value does not fit; names the file and the key.
    """
    if path.suffix != ".toml":
        return Mixture(path, (Source(path.stem, (JsonlFile(path),)),))
    content = _table(path)
    _require_keys(path, "", content, _TOP_KEYS)
    seed = content.get("seed", _SEED)
    if not isinstance(seed, int) or seed < 0:
        raise DataError(f"{path}: seed: must be a whole number from 0, got {seed!r}")
    entries = content.get("sources")
    if not isinstance(entries, dict) or not entries:
        raise DataError(f"{path}: sources: is missing; write [sources.NAME] and files = [...]")
    named = cast(dict[str, object], entries)
    mixture = Mixture(path, tuple(_source(path, *item) for item in named.items()), seed)
    if len(mixture) == 0:
        raise DataError(f"{path}: the ratios leave no sample; raise one")
    return mixture


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path}: is no TOML: {error}") from error


def _source(path: Path, name: str, entry: object) -> Source:
    key = f"sources.{name}"
    if not isinstance(entry, dict):
        raise DataError(f"{path}: {key}: must be a table with files = [...]")
    fields = cast(dict[str, Any], entry)
    _require_keys(path, key, fields, _SOURCE_KEYS)
    ratio, most = fields.get("ratio", 1.0), fields.get("most")
    if not isinstance(ratio, (int, float)) or not 0.0 < ratio < math.inf:
        raise DataError(f"{path}: {key}.ratio: must be a number above 0, got {ratio!r}")
    if most is not None and (not isinstance(most, int) or most < 1):
        raise DataError(f"{path}: {key}.most: must be a whole number from 1, got {most!r}")
    system = fields.get("system", LUKE)
    if not isinstance(system, str):
        raise DataError(f"{path}: {key}.system: must be luke, lucy, omni or a text")
    files = _files(path, key, fields.get("files"))
    return Source(name, files, float(ratio), most, system)


def _files(path: Path, key: str, patterns: object) -> tuple[JsonlFile, ...]:
    listed = cast(list[object], patterns) if isinstance(patterns, list) else []
    if not listed or not all(isinstance(pattern, str) and pattern for pattern in listed):
        raise DataError(f"{path}: {key}.files: must be a list of paths, got {patterns!r}")
    found: list[Path] = []
    for pattern in cast(list[str], listed):
        matches = _matches(path.parent, pattern)
        if not matches:
            raise DataError(f"{path}: {key}.files: {pattern!r} finds no file below {path.parent}")
        found += matches
    return tuple(JsonlFile(file) for file in dict.fromkeys(found))


def _matches(folder: Path, pattern: str) -> list[Path]:
    if Path(pattern).is_absolute():
        anchor = Path(Path(pattern).anchor)
        return sorted(anchor.glob(str(Path(pattern).relative_to(anchor))))
    return sorted(folder.glob(pattern))


def _require_keys(path: Path, key: str, found: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in found:
        if name not in known:
            place = f"{key}.{name}" if key else name
            raise DataError(f"{path}: {place}: is unknown; known are {', '.join(known)}")
