"""Audio codes of recordings, made once and kept beside them.

``talk.wav`` has its codes in ``talk.wav.codes-0123456789ab.json``, named after the speech tokenizer
that made them; the file holds the recording's own hash, so that codes of a recording that has since
changed are made again. Knows no sample and no token ids.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

from audio_io.frames import Samples
from model.training.data.problems import BadSample, DataError, Fault
from model.training.data.sounds import read_sound
from model.training.data.whole_files import write_text

_FORMAT = 1
_NAMED = 12  # hexadecimal digits of the tokenizer in a file's name
_CHUNK = 1 << 20


class Tokenizer(Protocol):
    """Of the speech tokenizer, what is needed here."""

    def encode(self, samples: Samples) -> list[int]: ...


class CodeCache:
    """Codes of recordings. Threads may share one; the speech tokenizer runs on one at a time.

    Args:
        folder: of the speech tokenizer.
        open_tokenizer: called when codes are missing for the first time.
        beside: where codes are kept; None: beside each recording.
    """

    def __init__(
        self, folder: Path, open_tokenizer: Callable[[], Tokenizer], beside: Path | None = None
    ) -> None:
        self.folder = folder
        self._open_tokenizer = open_tokenizer
        self._beside = beside
        self._lock = threading.Lock()
        self._tokenizer: Tokenizer | None = None

    @cached_property
    def tokenizer_hash(self) -> str:
        """Of configuration and weights. Raises DataError where there are none."""
        paths = sorted(self.folder.glob("*.json")) + sorted(self.folder.glob("*.safetensors"))
        if not any(path.suffix == ".safetensors" for path in paths):
            raise DataError(
                f"{self.folder}: holds no speech tokenizer (*.safetensors); speech is trained on "
                "its codes, so name the folder of the GLM-4-Voice tokenizer"
            )
        return _digest(*paths)

    def path_of(self, recording: Path) -> Path:
        """Where the codes of ``recording`` are kept."""
        ending = f".codes-{self.tokenizer_hash[:_NAMED]}.json"
        if self._beside is None:
            return recording.with_name(recording.name + ending)
        place = hashlib.sha256(str(recording.absolute()).encode()).hexdigest()
        return self._beside / place[:2] / f"{place}{ending}"

    def codes_of(self, recording: Path) -> list[int]:
        """12.5 codes a second.

        Raises:
            BadSample: the recording is missing, damaged or no speech.
            DataError: codes cannot be written, or there is no speech tokenizer.
        """
        stamp = _stamp(recording)
        path = self.path_of(recording)
        kept = _read(path)
        if kept is not None and kept.get("stamp") == stamp:
            return kept["codes"]
        digest = _digest(recording)
        if kept is None or kept.get("audio") != digest:
            codes = self._encode(recording)
        else:
            codes = kept["codes"]  # copied or touched, and still the same sound
        content = {"format": _FORMAT, "audio": digest, "stamp": stamp, "codes": codes}
        write_text(path, json.dumps(content, separators=(",", ":")), "codes")
        return codes

    def _encode(self, recording: Path) -> list[int]:
        samples = read_sound(recording)
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = self._open_tokenizer()
            return self._tokenizer.encode(samples)


def _stamp(path: Path) -> list[int]:
    """Changes with the content, as far as the file system can tell."""
    try:
        found = path.stat()
    except OSError as error:
        raise BadSample(Fault.MISSING_AUDIO, f"{path} is missing") from error
    return [found.st_size, found.st_mtime_ns]


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    """None where there are no codes, or none that can be used: they are made again then."""
    try:
        content: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict):
        return None
    fields = cast(dict[str, Any], content)
    codes: object = fields.get("codes")
    is_list = isinstance(codes, list) and all(type(c) is int for c in cast(list[object], codes))
    return fields if is_list and fields.get("format") == _FORMAT else None
