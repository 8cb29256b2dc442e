"""The five things a step of the conversation can be, and which of them compete when."""

from enum import IntEnum

NOT_SCORED = -1
"""Stands for "no outcome" in stored label arrays."""


class Outcome(IntEnum):
    """What the user is doing now; the value is the class's row in the network's output.

    ``NOISE`` while the assistant speaks means that nothing there is meant for it: echo, noise,
    other people. While it is silent it means the same of a sound that opened a turn.
    """

    HOLD = 0
    END_OF_TURN = 1
    INTERRUPTION = 2
    BACKCHANNEL = 3
    NOISE = 4


N_OUTCOMES = len(Outcome)

USER_FLOOR = (Outcome.HOLD, Outcome.END_OF_TURN, Outcome.NOISE)
"""What competes while the assistant is silent."""

OVERLAP = (Outcome.INTERRUPTION, Outcome.BACKCHANNEL, Outcome.NOISE)
"""What competes while the assistant speaks."""
