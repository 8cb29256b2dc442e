"""Which files are trained on, and how much of each: a TOML file.

    seed = 42

    [sources.questions]
    files = ["speech_to_speech.jsonl"]   # relative to the mixture; * and ** find several
    ratio = 2.0                          # each file twice; 0.05 takes a twentieth
    most = 100000                        # and never more samples of a file than this
    system = "luke"                      # who answers, where a sample has no system message

Source: VITA-Audio, data configuration: each file is shuffled by the seed, then as many samples as
ratio and limit say are taken in turn.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from model.files.records import read_toml
from model.training.data.problems import DataError, Place
from model.training.data.samples import JsonlFile, Sample, parse_sample

_SEED = 42
LUKE = "luke"  # the name that demonstrations of VITA-Audio answer by


class _SourceTable(Struct, forbid_unknown_fields=True):
    files: Annotated[list[str], Meta(min_length=1)]
    ratio: Annotated[float, Meta(gt=0.0)] = 1.0
    most: Annotated[int, Meta(ge=1)] | None = None
    system: str = LUKE


class _MixtureTable(Struct, forbid_unknown_fields=True):
    sources: Annotated[dict[str, _SourceTable], Meta(min_length=1)]
    seed: Annotated[int, Meta(ge=0)] = _SEED


@dataclass(frozen=True, slots=True)
class Source:
    """A named part of a mixture: its files, and how they are used.

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
        """Return how many samples of ``file`` an epoch has."""
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
        """Return the file and the line."""
        return self.file.place(self.index)

    def sample(self) -> Sample:
        """Read the line. Raises BadSample."""
        return parse_sample(self.file.line(self.index), self.file.path.parent)


@dataclass(frozen=True)
class Mixture:
    """All that is trained on.

    Attributes:
        path: of the TOML file, or of the one JSONL file that stands for a whole mixture.
    """

    path: Path
    sources: tuple[Source, ...]
    seed: int = _SEED

    @property
    def files(self) -> tuple[tuple[Source, JsonlFile], ...]:
        """Return every file with its source."""
        return tuple((source, file) for source in self.sources for file in source.files)

    @cached_property
    def _chosen(self) -> NDArray[np.int64]:
        """Return number of file and line of each sample, (n, 2)."""
        parts: list[NDArray[np.int64]] = []
        for number, (source, file) in enumerate(self.files):
            order = np.random.default_rng(self.seed).permutation(len(file))
            taken = order[np.arange(source.n_taken(file)) % len(file)]
            parts.append(np.stack((np.full_like(taken, number), taken), axis=1))
        return np.concatenate(parts)

    def __len__(self) -> int:
        """Return the number of samples of an epoch."""
        return len(self._chosen)

    def entry(self, index: int) -> Entry:
        """Return one of the samples of an epoch, by its unshuffled number."""
        number, line = self._chosen[index]
        source, file = self.files[int(number)]
        return Entry(source, file, int(line))

    def order(self, epoch: int) -> NDArray[np.int64]:
        """Return the numbers of all samples, shuffled as ``epoch`` has them."""
        return np.random.default_rng((self.seed, epoch)).permutation(len(self))

    @cached_property
    def fingerprint(self) -> str:
        """Return a hash that differs where other samples, or another order, would come."""
        parts = [str(self.seed)]
        for source, file in self.files:
            parts += [source.name, file.path.name, str(file.n_bytes), source.system]
            parts.append(str(source.n_taken(file)))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_mixture(path: Path) -> Mixture:
    """Read a mixture; a JSONL file counts as one whose only source it is.

    Raises:
        DataError: a file is missing, or a value does not fit; names the file and the key.
    """
    if path.suffix != ".toml":
        return Mixture(path, (Source(path.stem, (JsonlFile(path),)),))
    content = read_toml(path, _MixtureTable, DataError)
    sources = tuple(
        Source(name, _files(path, name, one.files), one.ratio, one.most, one.system)
        for name, one in content.sources.items()
    )
    mixture = Mixture(path, sources, content.seed)
    if len(mixture) == 0:
        raise DataError(f"{path}: the ratios leave no sample; raise one")
    return mixture


def _files(path: Path, name: str, patterns: list[str]) -> tuple[JsonlFile, ...]:
    found: list[Path] = []
    for pattern in patterns:
        anchor = Path(pattern).anchor  # of an absolute path
        folder = Path(anchor) if anchor else path.parent
        matches = sorted(folder.glob(pattern[len(anchor) :]))
        if not matches:
            raise DataError(
                f"{path}: sources.{name}.files: {pattern!r} finds no file below {path.parent}"
            )
        found += matches
    return tuple(JsonlFile(file) for file in dict.fromkeys(found))
