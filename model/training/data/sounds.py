"""Recordings of any rate and number of channels, brought to what the speech encoders hear."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import soundfile
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.training.data.problems import BadSample, Fault

_LEAST_RATE_HZ = 8_000  # of a telephone: below it the sounds of speech are not told apart
_LONGEST_S = 3600.0  # an hour in one sample is a mistake


@dataclass(frozen=True, slots=True)
class SoundInfo:
    """What the header of a recording says."""

    seconds: float
    rate_hz: int


def sound_info(path: Path) -> SoundInfo:
    """Read the header only. Raises BadSample where it is missing, damaged or no speech."""
    if not path.is_file():
        raise BadSample(Fault.MISSING_AUDIO, f"{path} is missing")
    try:
        info = soundfile.info(path)
    except (OSError, soundfile.SoundFileError) as error:
        raise _unreadable(f"{path} cannot be read ({error})") from error
    if info.samplerate < _LEAST_RATE_HZ:
        raise _unreadable(
            f"{path} has a rate of {info.samplerate} Hz; speech needs {_LEAST_RATE_HZ} Hz or more"
        )
    seconds = info.frames / info.samplerate
    if not 0.0 < seconds <= _LONGEST_S:
        raise _unreadable(
            f"{path} lasts {seconds:.1f} s; give more than nothing and at most an hour"
        )
    return SoundInfo(seconds, info.samplerate)


def read_sound(path: Path, *, mixes_channels: bool = False) -> Samples:
    """Return the whole recording, (n,) at 16 kHz.

    Args:
        mixes_channels: the mean of the channels, as SenseVoice hears; else the first one, as the
            GLM-4-Voice tokenizer does.

    Raises:
        BadSample: it is missing, damaged or no speech.
    """
    info = sound_info(path)
    try:
        read: Any = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise _unreadable(f"{path} cannot be read ({error})") from error
    channels = cast(Samples, read[0])  # (n, channels)
    samples = channels.mean(axis=1) if mixes_channels else channels[:, 0]
    if len(samples) == 0 or not np.isfinite(samples).all():
        raise _unreadable(f"{path} holds no sound; record it again")
    if info.rate_hz == ENGINE_RATE_HZ:
        return np.ascontiguousarray(samples)
    resampled: Any = soxr.resample(samples, info.rate_hz, ENGINE_RATE_HZ)
    return cast(Samples, resampled)


def _unreadable(what: str) -> BadSample:
    return BadSample(Fault.UNREADABLE_AUDIO, what)
