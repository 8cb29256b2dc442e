"""The course of a turn up to a pause, in numbers."""

import math
from dataclasses import dataclass

import numpy as np

from model.duplex.voice_tracker import Stretch
from model.files.tensors import Array

_LOG_UNIT_MS = 100.0


@dataclass(frozen=True, slots=True)
class TurnNumbers:
    """Voice, span, latest run of voice and the gap before it in ms; pauses so far and their mean.

    Attributes:
        grammar: log-odds by surface grammar that the words are complete; 0 without words.
    """

    voice_ms: float
    span_ms: float
    run_ms: float
    gap_ms: float
    n_pauses: int
    mean_pause_ms: float
    grammar: float = 0.0

    def vector(self) -> Array:
        """Return float32 (N_NUMBERS,)."""
        times = (self.voice_ms, self.span_ms, self.run_ms, self.gap_ms, self.mean_pause_ms)
        logs = [math.log1p(max(ms, 0.0) / _LOG_UNIT_MS) for ms in times]
        return np.array([*logs, math.log1p(self.n_pauses), self.grammar], np.float32)


N_NUMBERS = 7


def turn_numbers(turn: Stretch, grammar: float) -> TurnNumbers:
    """Return the numbers of ``turn``, which has just fallen silent."""
    n = len(turn.pauses_ms)
    mean_ms = sum(turn.pauses_ms) / n if n else 0.0
    return TurnNumbers(turn.voice_ms, turn.span_ms, turn.run_ms, turn.gap_ms, n, mean_ms, grammar)
