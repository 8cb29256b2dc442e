"""A sound file that grows chunk by chunk and appears under its name only when it is whole.

Knows nothing of who speaks.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from app.messages.errors import BadInputError, ParleyError, one_line
from audio_io.frames import Samples

_FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
_SAMPLE_BYTES = 2
_WAV_BYTES = (1 << 32) - (1 << 12)  # its header counts in 32 bits, and needs some itself
_FULL_BYTES = 1 << 20  # less than a chunk may take
_EXACT = (".wav", ".flac")  # the others add some samples of their own


class OutputError(ParleyError):
    """A result cannot be written: no entry's fault, and the next one would fail as well."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(one_line(f"{path}: cannot be written ({reason})"))


class SoundFileWriter:
    """Takes chunks; the first one decides the rate. Made by ``writing``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_wav = path.suffix.lower() == ".wav"
        self._temporary = path.with_name(f".{path.name}.part")
        self._file: soundfile.SoundFile | None = None
        self.n_samples = 0
        self.rate_hz = 0

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.rate_hz if self.rate_hz else 0.0

    def write(self, samples: Samples, rate_hz: int) -> None:
        """Takes float32 (n,) in [-1, 1]; raises OutputError where the disk does not take it."""
        if self._file is not None and rate_hz != self.rate_hz:
            raise OutputError(self.path, f"the rate changed from {self.rate_hz} to {rate_hz} Hz")
        if self._is_wav and (self.n_samples + len(samples)) * _SAMPLE_BYTES > _WAV_BYTES:
            raise OutputError(self.path, "a WAV file ends at 4 GB; choose a .flac file")
        with _written(self.path):
            if self._file is None:
                kind, subtype = _FORMATS[self.path.suffix.lower()]
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.rate_hz = rate_hz
                self._file = soundfile.SoundFile(
                    self._temporary, "w", rate_hz, 1, subtype, format=kind
                )
            self._file.write(samples)
        self.n_samples += len(samples)

    def finish(self) -> None:
        """Puts the file in its place; nothing appears where nothing was written."""
        file, self._file = self._file, None
        if file is None:
            return
        with _written(self.path):
            file.close()
            self._check()
            with self._temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(self._temporary, self.path)

    def give_up(self) -> None:
        """Leaves no trace."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._temporary.unlink(missing_ok=True)

    def _check(self) -> None:
        """The library keeps quiet about a header it could not write."""
        n_found = soundfile.info(self._temporary).frames
        if self.path.suffix.lower() in _EXACT and n_found != self.n_samples:
            raise OSError(f"only {n_found} of {self.n_samples} samples arrived")


def check_ending(path: Path) -> None:
    """Raises BadInputError for an ending that names no format."""
    if path.suffix.lower() not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise BadInputError(path, "", f'unknown ending "{path.suffix}"', f"use one of {known}")


@contextmanager
def writing(path: Path) -> Generator[SoundFileWriter]:
    """The file is there after the block, or, if that raises, is what it was before."""
    writer = SoundFileWriter(path)
    try:
        yield writer
        writer.finish()
    except BaseException:
        writer.give_up()
        raise


@contextmanager
def _written(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from error
    except (soundfile.SoundFileError, AssertionError) as error:
        # The library says "system error", or asserts that all was written.
        raise OutputError(path, _reason(path, error)) from error


def _reason(path: Path, error: Exception) -> str:
    try:
        is_full = shutil.disk_usage(path.parent).free < _FULL_BYTES
    except OSError:
        is_full = False
    return "the disk is full" if is_full else str(error).rstrip(".") or "not all was written"
