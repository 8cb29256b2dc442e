"""How long this speaker's pauses inside a turn are, and what that adds to the wait at its end."""

from model.duplex.policy import (
    LEAST_EXTRA_MS,
    LONGEST_PAUSE_MS,
    MOST_EXTRA_MS,
    PAUSE_GAIN,
    PAUSE_KEEP,
    PAUSE_MS,
    PHRASE_MS,
    TYPICAL_PAUSE_MS,
)
from model.duplex.voice_tracker import MS, Stretch


class AdaptiveEndpointing:
    """Learns from the pauses after which one speaker went on, and forgets slowly."""

    def __init__(self) -> None:
        self._mean_ms = TYPICAL_PAUSE_MS
        self._forget_phrase()

    @property
    def mean_ms(self) -> float:
        """Return the running mean of the pauses."""
        return self._mean_ms

    @property
    def extra_ms(self) -> float:
        """Return what to add to the silence that ends a turn; negative for quick speakers."""
        extra_ms = PAUSE_GAIN * (self._mean_ms - TYPICAL_PAUSE_MS)
        return min(max(extra_ms, LEAST_EXTRA_MS), MOST_EXTRA_MS)

    def hear(self, turn: Stretch | None, start_s: float, end_s: float) -> None:
        """Take the frame from ``start_s`` to ``end_s``; ``turn`` is None while nobody has it."""
        if turn is None:
            self._forget_phrase()
            return
        if turn.last_voice_s < end_s:
            return  # silence; the next voice says how long it was
        gap_ms = 0.0 if self._last_voice_s is None else MS * (start_s - self._last_voice_s)
        if gap_ms >= PAUSE_MS:
            self._candidate_ms = gap_ms if self._phrase_ms >= PHRASE_MS else None
            self._phrase_ms = 0.0
        self._last_voice_s = end_s
        self._phrase_ms += MS * (end_s - start_s)
        if self._candidate_ms is not None and self._phrase_ms >= PHRASE_MS:
            self._learn(self._candidate_ms)
            self._candidate_ms = None

    def went_on(self, pause_ms: float) -> None:
        """Learn that a reply had cut into a pause: the user spoke over it at once."""
        if pause_ms >= PAUSE_MS:
            self._learn(pause_ms)

    def _learn(self, pause_ms: float) -> None:
        pause_ms = min(pause_ms, LONGEST_PAUSE_MS)
        self._mean_ms = PAUSE_KEEP * self._mean_ms + (1.0 - PAUSE_KEEP) * pause_ms

    def _forget_phrase(self) -> None:
        self._phrase_ms = 0.0
        self._candidate_ms: float | None = None
        self._last_voice_s: float | None = None
