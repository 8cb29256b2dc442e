"""What a detector hears of a recording: silences of a turn, and when a reply falls silent.

Every end-of-turn policy acts on these silences, so they all suffer the same voice activity
detector. Open loop: the far end goes on whatever is decided.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from app.evaluation.turn_taking.predictor_run import Predicted
from model.duplex import policy
from model.duplex.offline import HeardFrame, Listening
from model.duplex.scoring import Silence

MIN_VOICE_S = policy.MIN_VOICE_MS / 1000.0
_EPS_S = 1e-6


def silences(frames: Iterable[HeardFrame]) -> tuple[Silence, ...]:
    """Return all silences after the first voice; the last is the one the recording ends in."""
    found: list[Silence] = []
    voice_s, last_voice_s, now_s, is_voice = 0.0, 0.0, 0.0, False
    for heard in frames:
        user = heard.user
        was_voice = is_voice
        p = user.p_speech if user.clean_dbfs >= policy.VOICE_DBFS else 0.0
        is_voice = (was_voice and user.p_speech >= policy.FADE_P) or p >= policy.VOICE_P
        now_s = user.clean.end_s
        if is_voice:
            if not was_voice and voice_s > 0.0:
                gap_s = user.clean.start_s - last_voice_s
                found.append(Silence(last_voice_s, gap_s, voice_s))
                voice_s = 0.0
            voice_s += now_s - user.clean.start_s
            last_voice_s = now_s
    if voice_s > 0.0:
        found.append(Silence(last_voice_s, math.inf, voice_s))
    return tuple(found)


def timer_ends(
    heard_silences: Iterable[Silence], wait_s: float, until_s: float
) -> tuple[float, ...]:
    """Return where a timer of ``wait_s`` ends turns, up to ``until_s``; each needs new voice."""
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


LOUD_DB = 12.0  # above the noise floor; a voice at arm's length is 20 dB above a quiet room
FLOOR_RISE_DB_PER_S = 3.0  # the floor falls at once and rises slowly
QUIETEST_DBFS = -70.0  # no floor is lower: suppressed noise is near nothing


def by_energy(frames: Iterable[HeardFrame]) -> tuple[HeardFrame, ...]:
    """Return the frames as heard by who takes all that is loud for a voice."""
    floor_dbfs = 0.0
    found: list[HeardFrame] = []
    for heard in frames:
        user = heard.user
        level_dbfs = max(user.clean_dbfs, QUIETEST_DBFS)
        frame_s = user.clean.end_s - user.clean.start_s
        floor_dbfs = min(level_dbfs, floor_dbfs + FLOOR_RISE_DB_PER_S * frame_s)
        is_loud = level_dbfs >= floor_dbfs + LOUD_DB
        found.append(HeardFrame(replace(user, p_speech=float(is_loud)), heard.event))
    return tuple(found)


TRIGGER_P = policy.VOICE_P
TRIGGER_S = 0.192  # the plain trigger: a voice for this long
QUIET_S = policy.OVERLAP_END_MS / 1000.0  # after so much quiet a trigger is armed again

IsSpeaking = Callable[[float], bool]  # is the assistant audible at this second?


@dataclass(frozen=True, slots=True)
class Stop:
    """The reply went silent at ``stopped_s``; at ``decided_s`` it was cut for good, or went on.

    Attributes:
        was_cut: False: held, then resumed.
    """

    stopped_s: float
    decided_s: float
    was_cut: bool


def plain_trigger(frames: Iterable[HeardFrame], is_speaking: IsSpeaking) -> Iterator[Stop]:
    """Cut as soon as the detector has heard a voice for 192 ms, once per stretch of voice."""
    voice_s = quiet_s = 0.0
    is_armed = True
    for heard in frames:
        user = heard.user
        frame_s = user.clean.end_s - user.clean.start_s
        if user.p_speech >= TRIGGER_P and user.clean_dbfs >= policy.VOICE_DBFS:
            voice_s, quiet_s = voice_s + frame_s, 0.0
        elif user.p_speech < TRIGGER_P:
            voice_s, quiet_s = 0.0, quiet_s + frame_s
        is_armed = is_armed or quiet_s >= QUIET_S
        if is_armed and voice_s >= TRIGGER_S - 1e-6 and is_speaking(user.clean.start_s):
            is_armed = False
            yield Stop(user.clean.end_s, user.clean.end_s, was_cut=True)


class StopRules:
    """The controller's rules: hold, then cut or resume; after a cut the overlap ends first."""

    def __init__(self) -> None:
        self._held_s: float | None = None
        self._is_cut = False
        self._quiet_s = QUIET_S

    def take(self, heard: HeardFrame, predicted: Predicted | None) -> Stop | None:
        """Take the next 10 ms; return a stop once it is known whether it was for good."""
        user = heard.user
        frame_s = user.clean.end_s - user.clean.start_s
        self._quiet_s = 0.0 if user.p_speech >= TRIGGER_P else self._quiet_s + frame_s
        if predicted is None:
            return None
        now_s, prediction = predicted.available_s, predicted.prediction
        if prediction.is_stop_word or prediction.p_interruption >= policy.CUT_P:
            return self._cut(now_s)
        if self._is_cut:
            self._is_cut = self._quiet_s < QUIET_S
        elif max(prediction.p_backchannel, prediction.p_noise) >= policy.RESUME_P:
            return self._resume(now_s)
        elif prediction.p_interruption >= policy.HOLD_P and self._held_s is None:
            self._held_s = now_s
        return None

    def close(self, listening: Listening) -> Stop | None:
        """End the recording; a reply that is still held goes on."""
        return self._resume(listening.seconds)

    def _cut(self, now_s: float) -> Stop | None:
        was_cut, self._is_cut = self._is_cut, True
        held_s, self._held_s = self._held_s, None
        if was_cut:
            return None
        return Stop(now_s if held_s is None else held_s, now_s, was_cut=True)

    def _resume(self, now_s: float) -> Stop | None:
        held_s, self._held_s = self._held_s, None
        return None if held_s is None else Stop(held_s, now_s, was_cut=False)
