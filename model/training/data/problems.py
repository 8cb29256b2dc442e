"""What can be wrong with training data, and the record of samples that were passed over."""

import logging
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model.errors import ModelError
from model.files.whole_file import replacing

logger = logging.getLogger(__name__)

_MOST_TOLD = 50  # lines of one fault; the rest is counted


class DataError(ModelError):
    """Nothing can be read, or nothing can be written: no single sample's fault."""


class Fault(StrEnum):
    """Why a sample cannot be used."""

    BROKEN_LINE = "broken line"
    WRONG_SHAPE = "wrong shape"
    UNKNOWN = "unknown token"
    MISSING_AUDIO = "missing audio"
    UNREADABLE_AUDIO = "unreadable audio"
    TOO_LONG = "too long"


class BadSample(ModelError):
    """One sample cannot be used; the others can."""

    def __init__(self, fault: Fault, what: str) -> None:
        super().__init__(" ".join(what.split()))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, counted from 1."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A sample that was passed over."""

    place: Place
    fault: Fault
    reason: str


@contextmanager
def writing(path: Path, what: str) -> Generator[Path]:
    """Lend a file that becomes ``path``, as ``replacing`` does.

    Args:
        what: is being written, for the message.

    Raises:
        DataError: it cannot be written; ``path`` is then what it was before.
    """
    try:
        with replacing(path) as partial:
            yield partial
    except OSError as error:
        raise DataError(
            f"{path}: {what} cannot be written ({error.strerror or error}); make room, or choose "
            "another folder"
        ) from error


class SkipLog:
    """Every sample that was passed over, once, however often it is read. Threads may share one.

    Args:
        is_told: whether line and reason go to the log as well.
    """

    def __init__(self, *, is_told: bool = True) -> None:
        self._is_told = is_told
        self._lock = threading.Lock()
        self._skipped: dict[Place, Skipped] = {}
        self._counts: Counter[Fault] = Counter()

    def add(self, place: Place, error: BadSample) -> None:
        """Note a sample; do nothing where that was said before."""
        with self._lock:
            if place in self._skipped:
                return
            self._skipped[place] = Skipped(place, error.fault, str(error))
            self._counts[error.fault] += 1
            n_of_fault = self._counts[error.fault]
        if self._is_told and n_of_fault <= _MOST_TOLD:
            logger.warning("%s: skipped: %s", place, error)
        if self._is_told and n_of_fault == _MOST_TOLD:
            logger.warning("further samples with the fault %r are only counted", str(error.fault))

    def __len__(self) -> int:
        return len(self._skipped)

    @property
    def counts(self) -> dict[Fault, int]:
        """Return how many samples have each fault, the most frequent first."""
        return dict(self._counts.most_common())

    @property
    def entries(self) -> tuple[Skipped, ...]:
        """Return all that was passed over."""
        return tuple(self._skipped.values())

    def summary(self) -> str:
        """Return the numbers as one line."""
        if not self._skipped:
            return "no sample was skipped"
        reasons = ", ".join(f"{n} {fault}" for fault, n in self.counts.items())
        return f"{len(self)} samples were skipped: {reasons}"
