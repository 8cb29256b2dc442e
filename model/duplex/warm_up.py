"""The first seconds, in which what sounds like a user may be our own echo.

Until the canceller has converged, but not for ever, only words or a clearly louder voice may stop
the assistant. Knows levels and time only.
"""

from __future__ import annotations

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
