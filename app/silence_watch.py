"""Tells a microphone that gives nothing from one that sends exact zeros between two sentences.

Knows levels only.
"""

from __future__ import annotations

_NOTHING_DBFS = -120.0  # what exact zeros measure
_GATED_S = 20.0  # headsets with a gate send zeros while nobody speaks


class SilenceWatch:
    """Looked at now and then with the microphone's level."""

    def __init__(self) -> None:
        self._sound_at_s: float | None = None

    def is_mute(self, now_s: float, mic_dbfs: float, *, is_dead: bool) -> bool:
        """Whether a person should be asked about it; ``is_dead`` says zeros for seconds."""
        if mic_dbfs > _NOTHING_DBFS:
            self._sound_at_s = now_s
        never_or_long_ago = self._sound_at_s is None or now_s - self._sound_at_s > _GATED_S
        return is_dead and never_or_long_ago
