"""Who is in which part of the recordings: weights come from *train*, numbers from *tune*.

*test* is only printed. ``speakers.json`` beside the recordings has the last word on a person.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from model.errors import ModelError
from model.files.records import read_json

SPEAKERS = "speakers.json"

Split = Literal["train", "tune", "test"]

SPLITS: Mapping[str, frozenset[Split]] = {
    "train": frozenset({"train"}),
    "tune": frozenset({"tune"}),
    "train+tune": frozenset({"train", "tune"}),
    "test": frozenset({"test"}),
    "all": frozenset({"train", "tune", "test"}),
}
"""What can be asked for, by name."""

DEFAULT_SPLIT = "test"
_STRICTEST: tuple[Split, ...] = ("test", "tune", "train")


class LabelsError(ModelError):
    """A labels file or a recording cannot be used; one line names file, key and remedy."""


class Speakers(msgspec.Struct, frozen=True):
    """The content of ``speakers.json``."""

    speakers: dict[str, Split] = {}

    def split(self, people: Iterable[str], said: Split | None) -> Split:
        """Return the split of a recording: the strictest of all that is said of it.

        Args:
            people: everybody who is heard in it as a user.
            said: what its own line says; where nothing says anything, it is test.
        """
        known: set[Split] = {self.speakers[name] for name in people if name in self.speakers}
        if said is not None:
            known.add(said)
        return strictest(known)


def strictest(splits: Iterable[Split]) -> Split:
    """Return the split to which something of several splits belongs; test for nothing."""
    found = set(splits)
    for split in _STRICTEST:
        if split in found:
            return split
    return "test"


def read_speakers(folder: Path) -> Speakers:
    """Return nobody where the folder does not say. Raises LabelsError."""
    path = folder / SPEAKERS
    return read_json(path, Speakers, LabelsError) if path.exists() else Speakers()
