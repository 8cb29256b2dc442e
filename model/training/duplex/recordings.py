"""Real recordings to learn from: speech, noises and rooms that are free and in no test.

Everybody who speaks in the labelled tests, and every clip they were made of, stays out. Does not
know what scenes are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import soundfile as sf

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from model.training.duplex.data_error import DataError
from model.training.duplex.json_lines import Json, Record, read_records
from model.training.duplex.speakers import TRAIN, VALIDATION
from model.training.duplex.utterance import Utterance, trimmed

MANIFEST = "manifest.jsonl"
TEST_LABELS = ("turns/labels.jsonl", "bargein/labels.jsonl")
SHORT_SPEECH = ("command", "wakeword")
READ_SPEECH = ("read", "read_noref", "speech_public")
NOISE, ROOM, CROWD = "noise", "rir", "dialog_meeting"

_USED = (*SHORT_SPEECH, *READ_SPEECH, NOISE, ROOM, CROWD)
_CLIP_KEYS = ("clip", "source_id", "near_rir", "rir")
_VALIDATION_PART = 6  # one of so many speakers, and of noises


@dataclass(frozen=True, slots=True)
class Recording:
    """One row of the manifest that may be used.

    Attributes:
        category: of a noise ("dog_bark"); "" otherwise.
        text: "" where nobody wrote it down.
    """

    id: str
    path: Path
    kind: str
    category: str
    language: str
    speaker: str
    text: str
    licence: str
    split: str

    def samples(self) -> Samples:
        """float32 (n,), 16 kHz. Raises DataError."""
        return read_mono(self.path)

    def utterance(self) -> Utterance:
        """Without silence at its ends and without word times. Raises DataError."""
        return trimmed(
            Utterance(
                self.samples(), (), self.text, self.language, self.speaker, self.id, self.licence
            )
        )


@dataclass(frozen=True, slots=True)
class Recordings:
    """All that may be learnt from, in the order of the manifest."""

    rows: tuple[Recording, ...]

    def of_kind(self, *kinds: str, split: str | None = None) -> tuple[Recording, ...]:
        """``split`` None: of both."""
        return tuple(r for r in self.rows if r.kind in kinds and split in (None, r.split))


def read_recordings(folder: Path) -> Recordings:
    """Reads ``folder/manifest.jsonl`` and leaves out what the tests beside it are made of.

    Raises:
        DataError: the folder, a file in it or a row is not as it should be.
    """
    if not (folder / MANIFEST).is_file():
        raise DataError(f"{folder}: no {MANIFEST} in it; give a folder with recordings to --real")
    names = _names_in_tests(folder)
    rows: list[Recording] = []
    for row in read_records(folder / MANIFEST):
        if row.values.get("train_ok") is not True or row.values.get("kind") not in _USED:
            continue
        recording = _recording(row, folder)
        people = set(recording.speaker.split(","))
        if recording.id not in names and not people & names:
            rows.append(recording)
    return Recordings(tuple(rows))


def read_mono(path: Path) -> Samples:
    """float32 (n,) at 16 kHz, the first channel. Raises DataError."""
    return read_channels(path, 1)[0]


def read_channels(path: Path, n_channels: int) -> Samples:
    """float32 (n_channels, n) at 16 kHz. Raises DataError."""
    try:
        samples, rate_hz = sf.read(str(path), dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError) as error:
        raise DataError(f"{path}: not a readable recording ({error})") from error
    if rate_hz != ENGINE_RATE_HZ:
        raise DataError(f"{path}: {rate_hz} Hz; resample it to {ENGINE_RATE_HZ} Hz")
    if samples.shape[1] < n_channels:
        raise DataError(f"{path}: {samples.shape[1]} channels where {n_channels} are needed")
    return frozen(np.ascontiguousarray(samples.T[:n_channels], np.float32))


def _names_in_tests(folder: Path) -> set[str]:
    """Speakers and clips of the labelled tests; none where there are no tests."""
    names: set[str] = set()
    for labels in TEST_LABELS:
        if (folder / labels).is_file():
            for row in read_records(folder / labels):
                names.update(_names(row.values))
    return names


def _names(value: object) -> Iterator[str]:
    """All speakers and clips below ``value``."""
    if isinstance(value, Mapping):
        for key, child in cast(Json, value).items():
            if isinstance(child, str) and (key in _CLIP_KEYS or key == "speaker"):
                yield from child.split(",")
            yield from _names(child)
    elif isinstance(value, list):
        for child in cast("list[object]", value):
            yield from _names(child)


def _recording(row: Record, folder: Path) -> Recording:
    path = folder / row.text("path")
    if not path.is_file():
        raise DataError(f'{row.where}: key "path": {path} is missing')
    group = row.text_or_nothing("speaker") or row.text("id")
    is_validation = zlib.crc32(group.encode()) % _VALIDATION_PART == 0
    return Recording(
        id=row.text("id"),
        path=path,
        kind=row.text("kind"),
        category=row.text_or_nothing("category"),
        language=row.text_or_nothing("lang") or "en",
        speaker=row.text_or_nothing("speaker"),
        text=row.text_or_nothing("text"),
        licence=row.text("licence"),
        split=VALIDATION if is_validation else TRAIN,
    )
