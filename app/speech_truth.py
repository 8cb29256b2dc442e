"""Where speech truly begins and ends in a clean recording, and where a loudspeaker was audible.

Works on whole recordings, offline and by energy, so that no running detector grades itself.
"""

from __future__ import annotations

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples

_FRAME = ENGINE_RATE_HZ // 100
_ABOVE_FLOOR_DB = 12.0  # speech stands out of the recording's own noise by this much at least
_BELOW_ACTIVE_DB = 30.0  # quietest part of a word relative to the loud parts
_ABSOLUTE_DBFS = -60.0
_MIN_RUN = 3  # frames; a click is no speech
AUDIBLE_DBFS = -55.0  # a loudspeaker below this is silent in any room


def frame_levels(samples: Samples) -> np.ndarray:
    """Level of each 10 ms in dBFS, float64 (n // 160,)."""
    n = len(samples) // _FRAME
    frames = samples[: n * _FRAME].astype(np.float64).reshape(n, _FRAME)
    return 10.0 * np.log10(np.maximum(np.mean(frames**2, axis=1), 1e-12))


def speech_bounds(samples: Samples) -> tuple[float, float]:
    """(start_s, end_s) of the speech in a clean 16 kHz recording; the whole of it when unsure."""
    levels = frame_levels(samples)
    if not len(levels):
        return 0.0, 0.0
    floor = float(np.percentile(levels, 5))
    active = float(np.percentile(levels, 95))
    threshold = max(min(floor + _ABOVE_FLOOR_DB, active - 10.0), active - _BELOW_ACTIVE_DB)
    is_speech = levels > max(threshold, _ABSOLUTE_DBFS)
    runs = _runs(is_speech)
    long_runs = [run for run in runs if run[1] - run[0] >= _MIN_RUN]
    if not long_runs:
        return 0.0, len(samples) / ENGINE_RATE_HZ
    return long_runs[0][0] / 100.0, long_runs[-1][1] / 100.0


def audible_runs(loudspeaker: Samples) -> list[tuple[float, float]]:
    """Stretches (start_s, end_s) in which the loudspeaker can be heard, 10 ms exact."""
    is_audible = frame_levels(loudspeaker) > AUDIBLE_DBFS
    return [(begin / 100.0, end / 100.0) for begin, end in _runs(is_audible)]


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]
