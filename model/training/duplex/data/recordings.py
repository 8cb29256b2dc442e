"""Real recordings to learn from: speech, noises and rooms that are free and in no test.

Everybody who speaks in the labelled tests, and every clip they were made of, stays out.
"""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import soundfile as sf

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen
from model.duplex.labels import MANIFEST, OVERLAPS, TURNS, Text
from model.files.misfits import entries
from model.files.records import Misfit, read_jsonl
from model.training.duplex.data.speakers import TRAIN, VALIDATION
from model.training.duplex.data.utterance import Utterance
from model.training.duplex.errors import DataError

SHORT_SPEECH = ("command", "wakeword")
READ_SPEECH = ("read", "read_noref", "speech_public")
NOISE, ROOM, CROWD = "noise", "rir", "dialog_meeting"

_USED = (*SHORT_SPEECH, *READ_SPEECH, NOISE, ROOM, CROWD)
_NAME_KEYS = ("speaker", "clip", "source_id", "near_rir", "rir")
_VALIDATION_PART = 6  # one of so many speakers, and of noises


class Recording(msgspec.Struct, frozen=True):
    """A row of the manifest; only what may be used needs a licence.

    Attributes:
        path: of the sound; in the manifest, below its folder.
        category: of a noise ("dog_bark").
        text: None where nobody wrote it down.
    """

    id: Text
    path: Text
    kind: Text
    licence: str = ""
    train_ok: bool | None = None
    category: str | None = None
    lang: str | None = None
    speaker: str | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        if self.is_used and not self.licence:
            raise Misfit("licence", "must be a text")

    @property
    def is_used(self) -> bool:
        """Whether it may be learnt from, and is of a kind that is."""
        return self.train_ok is True and self.kind in _USED

    @property
    def language(self) -> str:
        """The language; English where the manifest says nothing."""
        return self.lang or "en"

    @property
    def split(self) -> str:
        """The data it occurs in: that of its speaker."""
        is_validation = zlib.crc32((self.speaker or self.id).encode()) % _VALIDATION_PART == 0
        return VALIDATION if is_validation else TRAIN

    def samples(self) -> Samples:
        """Read the first channel: float32 (n,) at 16 kHz. Raises DataError."""
        try:
            samples, rate_hz = sf.read(self.path, dtype="float32", always_2d=True)
        except (sf.LibsndfileError, OSError) as error:
            raise DataError(f"{self.path}: not a readable recording ({error})") from error
        if rate_hz != ENGINE_RATE_HZ:
            raise DataError(f"{self.path}: {rate_hz} Hz; resample it to {ENGINE_RATE_HZ} Hz")
        return frozen(np.ascontiguousarray(samples[:, 0]))

    def utterance(self) -> Utterance:
        """Read it without silence at its ends and without word times. Raises DataError."""
        return Utterance(
            self.samples(), (), self.text or "", self.language, self.speaker or "", self.id,
            self.licence,
        ).trimmed()  # fmt: skip


Recordings = tuple[Recording, ...]
"""All that may be learnt from, in the order of the manifest."""


def of_kind(recordings: Recordings, *kinds: str, split: str | None = None) -> Recordings:
    """Return the recordings of some kinds; ``split`` None: of both splits."""
    return tuple(r for r in recordings if r.kind in kinds and split in (None, r.split))


def read_recordings(folder: Path) -> Recordings:
    """Read ``folder/manifest.jsonl`` and leave out what the tests beside it are made of.

    Raises:
        DataError: the folder, a file in it or a row is not as it should be.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise DataError(f"{folder}: no {MANIFEST} in it; give a folder with recordings to --real")
    tested = {
        name
        for labels in (folder / TURNS, folder / OVERLAPS)
        if labels.is_file()
        for _, line in read_jsonl(labels, dict[str, Any], DataError)
        for name in _names(line)
    }
    rows: list[Recording] = []
    for number, row in read_jsonl(manifest, Recording, DataError):
        if not row.is_used:
            continue
        path = folder / row.path
        if not path.is_file():
            raise DataError(f"{manifest}:{number}: path: {path} is missing")
        if not tested & {row.id, *(row.speaker or "").split(",")}:
            rows.append(msgspec.structs.replace(row, path=str(path)))
    return tuple(rows)


def _names(value: object) -> Iterator[str]:
    """Yield all speakers and clips below ``value``."""
    for key, child in entries(value):
        if isinstance(child, str) and key in _NAME_KEYS:
            yield from child.split(",")
        yield from _names(child)
