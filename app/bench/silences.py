"""Silences of a turn as the detector hears them, and plain timers on them.

Every end-of-turn policy acts on these silences, so they all suffer the same detector. Knows neither
labels nor predictors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from model.duplex.listening import HeardFrame

MIN_VOICE_S = 0.096  # less voice opens no turn
VOICE_P, FADE_P = 0.5, 0.35  # as the segmenter's defaults
MIN_LEVEL_DBFS = -60.0
_EPS_S = 1e-6


@dataclass(frozen=True, slots=True)
class Silence:
    """No voice for at least one frame, after a voice.

    Attributes:
        seconds: infinite where the recording ends in it: nobody would go on.
        voice_before_s: voice since the silence before.
    """

    start_s: float
    seconds: float
    voice_before_s: float


def silences(frames: Iterable[HeardFrame]) -> tuple[Silence, ...]:
    """All silences after the first voice; the last is the one the recording ends in."""
    found: list[Silence] = []
    voice_s, last_voice_s, now_s, is_voice = 0.0, 0.0, 0.0, False
    for heard in frames:
        user = heard.user
        was_voice = is_voice
        p = user.p_speech if user.clean_dbfs >= MIN_LEVEL_DBFS else 0.0
        is_voice = (was_voice and user.p_speech >= FADE_P) or p >= VOICE_P
        now_s = user.frame.end_s
        if is_voice:
            if not was_voice and voice_s > 0.0:
                gap_s = user.frame.start_s - last_voice_s
                found.append(Silence(last_voice_s, gap_s, voice_s))
                voice_s = 0.0
            voice_s += now_s - user.frame.start_s
            last_voice_s = now_s
    if voice_s > 0.0:
        found.append(Silence(last_voice_s, math.inf, voice_s))
    return tuple(found)


def timer_ends(
    heard_silences: Iterable[Silence], wait_s: float, until_s: float
) -> tuple[float, ...]:
    """Where a timer of ``wait_s`` ends turns, up to ``until_s``; each needs new voice first."""
    ends: list[float] = []
    voice_s = 0.0
    for silence in heard_silences:
        voice_s += silence.voice_before_s
        end_s = silence.start_s + wait_s
        is_due = silence.seconds >= wait_s - _EPS_S and end_s <= until_s + _EPS_S
        if is_due and voice_s >= MIN_VOICE_S - _EPS_S:
            ends.append(end_s)
            voice_s = 0.0
    return tuple(ends)
