"""Events over the assistant that nobody can hear after the canceller: nothing is asked about them.

A label comes from how a scene was built; an event below the echo and the noise is there all the
same, but to learn that silence is an interruption helps nobody. Knows no features.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.duplex.classes import NOT_SCORED, Outcome
from model.training.duplex.heard import Heard

_VOICE_P = 0.5
_STEP_FRAMES = 8
_EVENTS = (Outcome.INTERRUPTION, Outcome.BACKCHANNEL)


def audible_outcomes(heard: Heard) -> npt.NDArray[np.int8]:
    """int8 (t,): the truth without events over the assistant in which no window held a voice."""
    outcomes = heard.truth.outcomes.copy()
    n_steps = len(outcomes)
    p_speech = heard.p_speech[: n_steps * _STEP_FRAMES].reshape(n_steps, _STEP_FRAMES)
    is_voice = p_speech.max(axis=1) >= _VOICE_P
    is_event = np.isin(outcomes, _EVENTS)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_event, [False])).astype(np.int8)))
    for first, last in edges.reshape(-1, 2):
        if not is_voice[first:last].any():
            outcomes[first:last] = NOT_SCORED
    return outcomes
