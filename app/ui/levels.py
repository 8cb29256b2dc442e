"""Levels for the eye: dBFS to a share of full scale, smoothed. Knows no widget."""

from __future__ import annotations

import math

FLOOR_DBFS = -58.0  # quieter than a still room through a laptop microphone
CEILING_DBFS = -8.0  # loud speech

ATTACK_S = 0.04
RELEASE_S = 0.22
REST = 0.004  # below half a pixel on the largest ring


def shown_level(dbfs: float) -> float:
    """Share of the meter in [0, 1]; linear in dB between floor and ceiling."""
    return min(1.0, max(0.0, (dbfs - FLOOR_DBFS) / (CEILING_DBFS - FLOOR_DBFS)))


class SmoothedLevel:
    """Follows a level quickly up and slowly down, and comes to rest exactly."""

    def __init__(self) -> None:
        self.value = 0.0

    def advance(self, target: float, elapsed_s: float) -> bool:
        """Moves towards ``target``; False once it rests there."""
        if abs(target - self.value) < REST:
            has_moved = self.value != target
            self.value = target
            return has_moved
        time_constant = ATTACK_S if target > self.value else RELEASE_S
        self.value += (target - self.value) * (1.0 - math.exp(-elapsed_s / time_constant))
        return True
