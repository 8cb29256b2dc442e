"""Audio codes of recordings, made once and kept beside them.

``talk.wav`` has its codes in ``talk.wav.codes-0123456789ab.json``, named after the speech tokenizer
that made them; the file holds the recording's own hash, so that codes of a recording that has since
changed are made again.
"""

import hashlib
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from model.files.records import RecordError, read_json
from model.training.data.problems import BadSample, DataError, Fault, writing
from model.training.data.sounds import read_sound
from model.vita_audio.speech_tokenizer.tokenizer import SpeechTokenizer

_FORMAT = 1
_NAMED = 12  # hexadecimal digits of the tokenizer in a file's name


class _Kept(msgspec.Struct):
    format: Literal[1]
    audio: str  # SHA-256
    stamp: list[int]
    codes: list[int]


class CodeCache:
    """Codes of recordings. Threads may share one; the speech tokenizer runs on one at a time.

    Args:
        folder: of the speech tokenizer.
        open_tokenizer: called when codes are missing for the first time.
    """

    def __init__(self, folder: Path, open_tokenizer: Callable[[], SpeechTokenizer]) -> None:
        self._folder = folder
        self._open_tokenizer = open_tokenizer
        self._lock = threading.Lock()
        self._tokenizer: SpeechTokenizer | None = None

    def path_of(self, recording: Path) -> Path:
        """Return where the codes of ``recording`` are kept."""
        return recording.with_name(f"{recording.name}.codes-{self._tokenizer_hash[:_NAMED]}.json")

    def codes_of(self, recording: Path) -> list[int]:
        """Return 12.5 codes a second.

        Raises:
            BadSample: the recording is missing, damaged or no speech.
            DataError: codes cannot be written, or there is no speech tokenizer.
        """
        try:
            found = recording.stat()
        except OSError as error:
            raise BadSample(Fault.MISSING_AUDIO, f"{recording} is missing") from error
        # Changes with the content, as far as the file system can tell.
        stamp = [found.st_size, found.st_mtime_ns]
        path = self.path_of(recording)
        try:
            kept = read_json(path, _Kept)
        except RecordError:
            kept = None
        if kept is not None and kept.stamp == stamp:
            return kept.codes
        digest = _digest(recording)
        # A recording that was copied or touched is still the same sound.
        is_same = kept is not None and kept.audio == digest
        codes = kept.codes if is_same else self._encode(recording)
        with writing(path, "codes") as partial:
            partial.write_bytes(msgspec.json.encode(_Kept(_FORMAT, digest, stamp, codes)))
        return codes

    @cached_property
    def _tokenizer_hash(self) -> str:
        """Return a hash of configuration and weights."""
        paths = sorted(self._folder.glob("*.json")) + sorted(self._folder.glob("*.safetensors"))
        if not any(path.suffix == ".safetensors" for path in paths):
            raise DataError(
                f"{self._folder}: holds no speech tokenizer (*.safetensors); speech is trained on "
                "its codes, so name the folder of the GLM-4-Voice tokenizer"
            )
        return _digest(*paths)

    def _encode(self, recording: Path) -> list[int]:
        samples = read_sound(recording)
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = self._open_tokenizer()
            return self._tokenizer.encode(samples)


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()
