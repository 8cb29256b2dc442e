"""A sound file as the model hears it: mono, 16 kHz, block by block; hours fit into memory."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from app.messages.errors import BadInputError, one_line
from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples, frozen
from audio_io.resampler import StreamResampler

_BLOCK_S = 1.0
_FRAME = ENGINE_RATE_HZ // 25  # 40 ms: what the engine hands a model at a time
_REMEDY = "give a WAV, FLAC, OGG or MP3 file"


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that can be read as audio.

    Attributes:
        duration_s: the length that its header states.
    """

    path: Path
    duration_s: float

    def blocks(self) -> Iterator[Samples]:
        """Yield all of it: float32 (n,) mono at 16 kHz, about a second at a time.

        Raises:
            BadInputError: the file ends or breaks in the middle, or holds values that are no sound.
        """
        with _reading(self.path), soundfile.SoundFile(self.path) as file:
            resampler = StreamResampler(file.samplerate, ENGINE_RATE_HZ, "HQ")
            n = round(_BLOCK_S * file.samplerate)
            while len(block := file.read(n, dtype="float32", always_2d=True)):
                mono = block.mean(axis=1, dtype=np.float32)
                if not np.isfinite(mono).all():
                    raise BadInputError(self.path, "", "holds values that are no numbers", _REMEDY)
                yield resampler.process(mono)
            yield resampler.flush()


def open_recording(path: Path) -> Recording:
    """Read the header.

    Raises:
        BadInputError: missing, unreadable, empty, or no sound file.
    """
    if not path.is_file():
        what = "is not a file" if path.exists() else "is not there"
        raise BadInputError(path, "", what)
    with _reading(path), soundfile.SoundFile(path) as file:
        duration_s = file.frames / file.samplerate
    if duration_s <= 0.0:
        raise BadInputError(path, "", "holds no sound", _REMEDY)
    return Recording(path, duration_s)


def frames(blocks: Iterable[Samples]) -> Iterator[AudioFrame]:
    """Cut 16 kHz sound into the 40 ms frames a microphone would give, the first at sample 0."""
    start = 0
    rest: Samples = np.zeros(0, np.float32)
    for block in blocks:
        joined = np.concatenate([rest, block])
        n_whole = len(joined) // _FRAME * _FRAME
        for at in range(0, n_whole, _FRAME):
            yield AudioFrame(frozen(joined[at : at + _FRAME].copy()), start)
            start += _FRAME
        rest = joined[n_whole:]
    if len(rest):
        yield AudioFrame(frozen(rest.copy()), start)


@contextmanager
def _reading(path: Path) -> Generator[None]:
    """Turn the library's exceptions of several kinds into one."""
    try:
        yield
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        what = f"cannot be read as audio ({one_line(str(error)).rstrip('.')})"
        raise BadInputError(path, "", what, _REMEDY) from error
