"""A voice over the assistant's: the network's probabilities on the dialogue's scale.

The dialogue holds, cuts and resumes at fixed probabilities; the network's own thresholds, found on
other speakers, are moved there. Pure.

The first seconds, in which what sounds like a user may be our own echo.

Until the canceller has converged, but not for ever, only words or a clearly louder voice may stop
the assistant. Knows levels and time only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.duplex.predictor_card import OverlapPoint

PROTECTED_MS = 3000.0
"""Of the assistant's own speech, since the start: a canceller that has a chance has converged."""
_LOUDER_DB = 6.0  # above the level gate, which lies above the echo met so far and its margin


class WarmUp:
    """Follows how long the assistant has been heard by a canceller that is not ready."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another stream, perhaps another room."""
        self._spoken_ms = 0.0
        self._has_converged = False

    def hear(self, *, is_agent_speaking: bool, has_converged: bool, frame_ms: float) -> None:
        self._has_converged = has_converged
        if is_agent_speaking:
            self._spoken_ms += frame_ms

    @property
    def is_protected(self) -> bool:
        return not self._has_converged and self._spoken_ms <= PROTECTED_MS

    def lets_through(self, margin_db: float, *, has_words: bool) -> bool:
        """Whether a voice ``margin_db`` above the level gate may stop the assistant now."""
        return not self.is_protected or has_words or margin_db >= _LOUDER_DB


HOLD_P, CUT_P, RESUME_P = 0.5, 0.8, 0.6
"""p_interruption that holds and cuts, p_backchannel or p_noise that resumes, by default."""

ACKNOWLEDGED_MS = 1200.0
"""Of voice; who says "yeah, yeah, yeah" for longer wants the floor."""

SHORT_MS = 400.0
"""Of voice; half of all acknowledgements are shorter, so that less cuts by its words only."""

GOES_ON_MS = 550.0
"""From the first voice to the latest; acknowledgements are mostly shorter (median 0.4 s)."""

_WORDS_MS = 400.0  # of voice; the first words of less are misread as often as not
_VOICED_SHARE = 0.75  # of that time at least; two coughs are no sentence
_STEP = 0.01  # this much below a threshold is clearly below it


@dataclass(frozen=True, slots=True)
class Overlap:
    """Probabilities as the dialogue understands them; their sum is at most 1.

    Attributes:
        reason: why, for people.
    """

    p_interruption: float
    p_backchannel: float
    p_noise: float
    reason: str


def rescaled(p: float, knots: tuple[tuple[float, float], ...]) -> float:
    """Piecewise linear from (0, 0) over ``knots``, which rise strictly, to (1, 1)."""
    low = (0.0, 0.0)
    for high in (*knots, (1.0, 1.0)):
        if p <= high[0]:
            part = (p - low[0]) / (high[0] - low[0]) if high[0] > low[0] else 1.0
            return low[1] + part * (high[1] - low[1])
        low = high
    return 1.0


def judged(
    point: OverlapPoint, *, p_interruption: float, p_backchannel: float, p_noise: float
) -> Overlap:
    """Args are calibrated and sum to 1."""
    p = rescaled(p_interruption, ((point.hold_p, HOLD_P), (point.cut_p, CUT_P)))
    is_acknowledged = p_backchannel >= p_noise
    if p_backchannel + p_noise >= point.resume_p:
        p = min(p, 1.0 - RESUME_P - _STEP)
        likely = max(RESUME_P, (1.0 - p) * max(p_backchannel, p_noise))
        reason = "sounds like an acknowledgement" if is_acknowledged else "no voice meant for it"
    else:
        likely = min((1.0 - p) * max(p_backchannel, p_noise), RESUME_P - _STEP)
        reason = _reason(p)
    other = min(1.0 - p - likely, RESUME_P - _STEP)
    backchannel, noise = (likely, other) if is_acknowledged else (other, likely)
    return Overlap(p, backchannel, noise, reason)


def _reason(p: float) -> str:
    if p >= CUT_P:
        return "somebody wants the floor"
    return "perhaps somebody wants the floor" if p >= HOLD_P else "somebody makes a sound"


def held_back(overlap: Overlap) -> Overlap:
    """It may be our own echo: neither held nor cut."""
    p = min(overlap.p_interruption, HOLD_P - _STEP)
    return replace(overlap, p_interruption=p, reason="perhaps its own echo")


def acknowledged(overlap: Overlap, voice_ms: float) -> Overlap:
    """The words so far only acknowledge; for a while they keep a voice from cutting the reply."""
    if voice_ms >= ACKNOWLEDGED_MS or overlap.p_interruption < CUT_P:
        return overlap
    return replace(overlap, p_interruption=CUT_P - _STEP, reason="words of acknowledgement")


def confirmed(overlap: Overlap, *, span_ms: float, voice_ms: float, has_words: bool) -> Overlap:
    """A voice that holds the reply and says something, or simply goes on, wants the floor."""
    if overlap.p_interruption < HOLD_P or overlap.p_interruption >= CUT_P:
        return overlap
    if has_words and voice_ms >= _WORDS_MS:
        return _cut(overlap, "somebody says something")
    goes_on = span_ms >= GOES_ON_MS and voice_ms >= _VOICED_SHARE * span_ms
    return _cut(overlap, f"a voice for {span_ms:.0f} ms") if goes_on else overlap


def undecided(overlap: Overlap, *, is_over: bool) -> Overlap:
    """Too short to tell: the reply may be held, but not cut, nor let go while the voice lasts."""
    p = min(overlap.p_interruption, CUT_P - _STEP)
    if is_over:
        return replace(overlap, p_interruption=p)
    return replace(
        overlap,
        p_interruption=p,
        p_backchannel=min(overlap.p_backchannel, RESUME_P - _STEP),
        p_noise=min(overlap.p_noise, RESUME_P - _STEP),
    )


def let_go(overlap: Overlap) -> Overlap:
    """Quiet again, and nothing came of it: the reply goes on."""
    if overlap.p_interruption >= CUT_P or _is_harmless(overlap):
        return overlap
    p = min(overlap.p_interruption, 1.0 - RESUME_P - _STEP)
    return Overlap(p, RESUME_P, 1.0 - RESUME_P - p, "quiet again")


def _cut(overlap: Overlap, reason: str) -> Overlap:
    rest = 1.0 - CUT_P
    return Overlap(
        CUT_P, min(overlap.p_backchannel, rest / 2.0), min(overlap.p_noise, rest / 2.0), reason
    )


def _is_harmless(overlap: Overlap) -> bool:
    return max(overlap.p_backchannel, overlap.p_noise) >= RESUME_P
