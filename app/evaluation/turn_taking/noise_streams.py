"""Household noise while a reply is heard on headphones.

A reply goes on for a while, so clips are joined into streams of a minute; each begins with a few
seconds of the reply alone, in which the canceller learns that there is no echo.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.evaluation.turn_taking.overlap_scores import OverlapTruth
from audio_io.frames import ENGINE_RATE_HZ, Samples, level_dbfs
from model.duplex.labels import NoiseClip, OverlapScene, read_channels
from model.duplex.scoring import Span

ALONE_S = 4.0
GAP_S = 1.0  # between two clips
STREAM_S = 60.0
LOUDEST_DBFS = -26.0  # at the microphone; median of labelled noises in recorded scenes
ROOM_DBFS = -65.0  # a microphone in a quiet room
_SEED = 11


@dataclass(frozen=True, slots=True)
class NoiseStream:
    """What the microphone hears and what the headphones play, float32 (n,) each."""

    mic: Samples
    far: Samples
    truth: OverlapTruth


def noise_streams(
    clips: Sequence[NoiseClip], scenes: Sequence[OverlapScene]
) -> Iterator[NoiseStream]:
    """Yield streams whose reply is what the loudspeaker was given in ``scenes``, repeated.

    Raises:
        LabelsError: a recording is broken.
    """
    far = _reply(scenes)
    rng = np.random.default_rng(_SEED)
    pending: list[Samples] = []
    for i, clip in enumerate(clips):
        pending += [_as_heard(read_channels(clip.path, 1)[0]), _quiet(GAP_S)]
        n_pending = sum(len(part) for part in pending)
        if n_pending >= STREAM_S * ENGINE_RATE_HZ or i == len(clips) - 1:
            yield _stream(np.concatenate([_quiet(ALONE_S), *pending]), far, rng)
            pending = []


def _stream(noise: Samples, far: Samples, rng: np.random.Generator) -> NoiseStream:
    room = 10.0 ** (ROOM_DBFS / 20.0) * rng.standard_normal(len(noise)).astype(np.float32)
    seconds = len(noise) / ENGINE_RATE_HZ
    heard = Span(ALONE_S, seconds)
    truth = OverlapTruth("noise", Span(0.0, seconds), (), (), (), (heard,), is_noisy=True)
    played = np.resize(far, len(noise)) if len(far) else np.zeros(len(noise), np.float32)
    return NoiseStream(np.asarray(noise + room, np.float32), played.astype(np.float32), truth)


def _reply(scenes: Sequence[OverlapScene]) -> Samples:
    """Speech of the far ends without what surrounds it; nothing where no scene has one."""
    parts: list[Samples] = []
    n = 0
    for scene in scenes:
        far = scene.far_span
        if far is None or n >= STREAM_S * ENGINE_RATE_HZ:
            continue
        begin, end = (round(t * ENGINE_RATE_HZ) for t in (far.start_s, far.end_s))
        parts.append(read_channels(scene.path, 2)[1][begin:end])
        n += len(parts[-1])
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _as_heard(samples: Samples) -> Samples:
    """Clips were normalised by those who published them; louder ones are turned down."""
    gain_db = min(0.0, LOUDEST_DBFS - level_dbfs(samples))
    return np.asarray(samples * 10.0 ** (gain_db / 20.0), np.float32)


def _quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * ENGINE_RATE_HZ), np.float32)
