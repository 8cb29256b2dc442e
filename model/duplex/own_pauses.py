"""How long this speaker's pauses inside a turn are, and what that is worth at the end of one.

Learns from pauses after which the user went on, forgets slowly, moves within bounds. Knows neither
words nor networks.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.duplex.voice_tracker import MS, Stretch


@dataclass(frozen=True, slots=True)
class OwnPausesSettings:
    """How far and how fast the delay follows the speaker.

    Attributes:
        typical_ms: a pause inside a turn of a speaker nobody knows yet; it changes nothing.
        keep: share of the old mean that a new pause leaves; a dozen pauses replace it.
        gain: extra delay for each millisecond that the mean is above typical.
        least_extra_ms: bound for quick speakers.
        most_extra_ms: bound for slow ones.
        pause_ms: shorter silences belong to fluent speech.
        longest_ms: longer pauses count as this long.
        phrase_ms: voice before and after a pause that counts; acknowledgements are shorter (half
            of them below 0.4 s), so that a burst of them teaches nothing.
    """

    typical_ms: float = 550.0
    keep: float = 0.85
    gain: float = 0.7
    least_extra_ms: float = -150.0
    most_extra_ms: float = 600.0
    pause_ms: float = 200.0
    longest_ms: float = 2500.0
    phrase_ms: float = 600.0


class OwnPauses:
    """Follows the turns of one speaker."""

    def __init__(self, settings: OwnPausesSettings | None = None) -> None:
        self.settings = settings or OwnPausesSettings()
        self._mean_ms = self.settings.typical_ms
        self._forget_phrase()

    @property
    def mean_ms(self) -> float:
        return self._mean_ms

    @property
    def extra_ms(self) -> float:
        """To be added to the silence that ends a turn; negative for quick speakers."""
        settings = self.settings
        extra_ms = settings.gain * (self._mean_ms - settings.typical_ms)
        return min(max(extra_ms, settings.least_extra_ms), settings.most_extra_ms)

    def hear(self, turn: Stretch | None, start_s: float, end_s: float) -> None:
        """Takes the frame from ``start_s`` to ``end_s``; None: nobody has the turn."""
        if turn is None:
            self._forget_phrase()
            return
        if turn.last_voice_s < end_s:
            return  # silence; the next voice says how long it was
        gap_ms = 0.0 if self._last_voice_s is None else MS * (start_s - self._last_voice_s)
        if gap_ms >= self.settings.pause_ms:
            is_phrase = self._phrase_ms >= self.settings.phrase_ms
            self._candidate_ms = gap_ms if is_phrase else None
            self._phrase_ms = 0.0
        self._last_voice_s = end_s
        self._phrase_ms += MS * (end_s - start_s)
        if self._candidate_ms is not None and self._phrase_ms >= self.settings.phrase_ms:
            self._learn(self._candidate_ms)
            self._candidate_ms = None

    def went_on(self, pause_ms: float) -> None:
        """The user spoke over a reply that had just begun: it had cut into a pause this long."""
        if pause_ms >= self.settings.pause_ms:
            self._learn(pause_ms)

    def _learn(self, pause_ms: float) -> None:
        settings = self.settings
        pause_ms = min(pause_ms, settings.longest_ms)
        self._mean_ms = settings.keep * self._mean_ms + (1.0 - settings.keep) * pause_ms

    def _forget_phrase(self) -> None:
        self._phrase_ms = 0.0
        self._candidate_ms: float | None = None
        self._last_voice_s: float | None = None
