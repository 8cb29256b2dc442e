"""A sound file that grows chunk by chunk and appears under its name only when it is whole."""

import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import soundfile

from app.messages.errors import BadInputError, ParleyError, one_line
from audio_io.frames import Samples
from model.files.whole_file import remove_unfinished, replacing

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
    """Takes chunks; the first one decides the rate. Made by ``writing``.

    Attributes:
        n_samples: how many were written.
    """

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.n_samples = 0
        self._path = path
        self._ending = path.suffix.lower()
        self._stack = stack  # holds the unfinished file
        self._partial = path
        self._file: soundfile.SoundFile | None = None

    def write(self, samples: Samples, rate_hz: int) -> None:
        """Write float32 (n,) in [-1, 1]. Raises OutputError where the disk does not take it."""
        file = self._file or self._opened(rate_hz)
        if rate_hz != file.samplerate:
            raise OutputError(
                self._path, f"the rate changed from {file.samplerate} to {rate_hz} Hz"
            )
        n_bytes = (self.n_samples + len(samples)) * _SAMPLE_BYTES
        if self._ending == ".wav" and n_bytes > _WAV_BYTES:
            raise OutputError(self._path, "a WAV file ends at 4 GB; choose a .flac file")
        with _translated(self._path):
            file.write(samples)
        self.n_samples += len(samples)

    def _opened(self, rate_hz: int) -> soundfile.SoundFile:
        kind, subtype = _FORMATS[self._ending]
        with _translated(self._path):
            self._partial = self._stack.enter_context(replacing(self._path))
            self._file = soundfile.SoundFile(self._partial, "w", rate_hz, 1, subtype, format=kind)
        return self._file

    def close(self) -> None:
        """Close the file; the library keeps quiet about a header that it could not write."""
        if self._file is None:
            return
        self._file.close()
        n_found = soundfile.info(self._partial).frames
        if self._ending in _EXACT and n_found != self.n_samples:
            raise OSError(f"only {n_found} of {self.n_samples} samples arrived")


def check_ending(path: Path) -> None:
    """Raise BadInputError for an ending that names no format."""
    if path.suffix.lower() not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise BadInputError(path, "", f'unknown ending "{path.suffix}"', f"use one of {known}")


@contextmanager
def writing(path: Path) -> Generator[SoundFileWriter]:
    """Lend a writer; the file is there after the block, or, if that raises, is what it was before.

    Where nothing is written, no file appears.
    """
    remove_unfinished(path.parent, path.name)
    with ExitStack() as stack:
        writer = SoundFileWriter(path, stack)
        yield writer
        with _translated(path), stack.pop_all():
            writer.close()


@contextmanager
def _translated(path: Path) -> Generator[None]:
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
