"""When is a pause the end of the turn? A probability, a silence and a pace give a wait.

Pure; knows neither where the probability comes from nor who speaks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from model.duplex.dictation import Dictation
from model.duplex.predictor_card import EndPoint

LONGEST_WAIT_MS = 3000.0
"""After so much silence every turn is over."""
END_P = 0.5
"""``Wait.p_end_of_turn`` reaches it when the turn is taken as over."""

_LEAST_WAIT_MS = 200.0  # below this silence is a stop consonant or a breath
_DICTATION_WAIT_MS = 1500.0  # pauses between groups of digits are 0.4 to 1.2 s long
_NO_CERTAINTY = 0.5  # share of the pace's probability; from there down the longest wait applies
_NOT_YET_P = 0.49
_P_CLIP = 1e-4


@dataclass(frozen=True, slots=True)
class Wait:
    """What the silence so far means.

    Attributes:
        wait_ms: silence that ends the turn as things stand.
        p_end_of_turn: from ``END_P`` on the turn is over; the odds are the network's over those at
            which this pace takes a turn.
    """

    wait_ms: float
    p_end_of_turn: float


def _odds_log(p: float) -> float:
    clipped = min(max(p, _P_CLIP), 1.0 - _P_CLIP)
    return math.log(clipped / (1.0 - clipped))


def _p(odds_log: float) -> float:
    return 1.0 / (1.0 + math.exp(-odds_log))


def _between(shortest_ms: float, longest_ms: float, certainty: float) -> float:
    """The shortest from certainty 1 on, the longest at none, geometric in between."""
    doubt = min(max((1.0 - certainty) / (1.0 - _NO_CERTAINTY), 0.0), 1.0)
    return shortest_ms * (longest_ms / shortest_ms) ** doubt


def wait_for(
    point: EndPoint,
    *,
    p_end: float,
    silence_ms: float,
    extra_ms: float = 0.0,
    dictation: Dictation | None = None,
    longest_ms: float = LONGEST_WAIT_MS,
) -> Wait:
    """``p_end``: calibrated, of now; ``extra_ms``: for the speaker's own pauses.

    ``longest_ms``: the user's own limit.
    """
    shortest_ms = max(point.shortest_ms + extra_ms, _LEAST_WAIT_MS)
    unlikely_ms = point.longest_ms + max(extra_ms, 0.0)
    if dictation is not None:
        shortest_ms = max(shortest_ms, _DICTATION_WAIT_MS)
        unlikely_ms = LONGEST_WAIT_MS
    wait_ms = _between(shortest_ms, max(unlikely_ms, shortest_ms), p_end / point.end_p)
    wait_ms = min(wait_ms, longest_ms, LONGEST_WAIT_MS)
    p = _p(_odds_log(p_end) - _odds_log(point.end_p))
    if silence_ms <= 0.0:
        return Wait(wait_ms, 0.0)
    is_over = silence_ms >= wait_ms - 1e-6
    return Wait(wait_ms, max(p, END_P) if is_over else min(p, _NOT_YET_P))
