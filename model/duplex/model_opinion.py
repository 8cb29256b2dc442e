"""Two opinions on one pause: the network's, and that of a speech model that hears the turn itself.

Pure; knows neither of them.
"""

from __future__ import annotations

import math

from model.interfaces import NO_OPINION

_WEIGHT = 0.5  # both hear the same pause: what they share must not count twice
_P_CLIP = 0.02  # keeps one overconfident opinion from deciding alone


def with_opinion(p_end: float, opinion: float) -> float:
    """The network's ``p_end`` in the light of the model's ``opinion``; odds are multiplied."""
    if opinion == NO_OPINION or not 0.0 < p_end < 1.0:
        return p_end
    clipped = min(max(opinion, _P_CLIP), 1.0 - _P_CLIP)
    odds_log = math.log(p_end / (1.0 - p_end)) + _WEIGHT * math.log(clipped / (1.0 - clipped))
    return 1.0 / (1.0 + math.exp(-odds_log))
