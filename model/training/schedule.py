"""How the learning rate rises and falls over a stage.

Source: WarmupCosineLR of DeepSpeed with its logarithmic rise, as VITA-Audio uses it; the two steps
that it spends at a rate of 0 are left out. A pure function of the step: nothing to save or resume.
"""

from __future__ import annotations

import math


def rate_factor(step: int, n_steps: int, warm_up: float, floor: float) -> float:
    """Factor on the highest rate at ``step`` 0 … n_steps − 1.

    Args:
        warm_up: part of the steps in which it rises.
        floor: factor at the end.
    """
    n_warm_up = max(2, round(warm_up * n_steps))
    number = step + 1
    if number < n_warm_up:
        return math.log(number + 1) / math.log(n_warm_up)
    n_falling = max(1, n_steps - n_warm_up)
    progress = min(1.0, (number - n_warm_up + 1) / n_falling)
    return floor + (1.0 - floor) * (1.0 + math.cos(math.pi * progress)) / 2.0
