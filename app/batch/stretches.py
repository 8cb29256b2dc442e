"""Cuts a long recording into stretches of speech that a model can take in one turn.

Cuts at pauses, and where nobody pauses at the place with the least voice. Block by block or all at
once, the stretches are the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from audio_io.interfaces import VoiceActivityDetector

_SMOOTH = 8  # windows, 256 ms: a pause between phrases is about that long
_VOICED_AT_LEAST = 3  # windows, 96 ms: less is a click


@dataclass(frozen=True, slots=True)
class StretchSettings:
    """Where a stretch ends.

    Attributes:
        voice_p: probability from which a window counts as voice.
        at_most_s: no stretch is longer; the embedded recognisers take 9 s at a time.
        long_enough_s: from here on a pause of ``pause_s`` ends a stretch.
        pause_s: a pause between phrases.
        silence_s: a pause that ends any stretch.
        margin_s: quiet that is kept at both ends.
    """

    voice_p: float = 0.35
    at_most_s: float = 8.0
    long_enough_s: float = 5.0
    pause_s: float = 0.3
    silence_s: float = 1.0
    margin_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a recording: float32 (n,) at 16 kHz from sample ``start`` on."""

    samples: Samples
    start: int

    @property
    def start_s(self) -> float:
        """Return where it begins, in seconds."""
        return self.start / ENGINE_RATE_HZ

    @property
    def end_s(self) -> float:
        """Return where it ends, in seconds."""
        return (self.start + len(self.samples)) / ENGINE_RATE_HZ


class StretchCutter:
    """Takes a recording in order; holds the open stretch and nothing before it."""

    def __init__(
        self, detector: VoiceActivityDetector, settings: StretchSettings | None = None
    ) -> None:
        self._detector = detector
        self._settings = settings or StretchSettings()
        self._rest: Samples = np.zeros(0, np.float32)
        self._windows: list[Samples] = []
        self._p: list[float] = []
        self._n_before = 0  # samples that have left
        detector.reset()

    def push(self, samples: Samples) -> Iterator[Stretch]:
        """Take float32 (n,) at 16 kHz; yield the stretches that are complete now."""
        size = self._detector.window
        joined = np.concatenate([self._rest, samples])
        n_whole = len(joined) // size * size
        self._rest = joined[n_whole:]
        for at in range(0, n_whole, size):
            self._take(joined[at : at + size])
            n_cut = self._cut()
            if n_cut:
                yield from self._leave(n_cut)

    def finish(self) -> Iterator[Stretch]:
        """Yield what is left at the end of the recording."""
        if len(self._rest):
            self._take(np.pad(self._rest, (0, self._detector.window - len(self._rest))))
            self._windows[-1] = self._rest
            self._rest = np.zeros(0, np.float32)
        yield from self._leave(len(self._windows))

    def _take(self, window: Samples) -> None:
        self._windows.append(window)
        self._p.append(self._detector.probability(window))

    def _n(self, seconds: float) -> int:
        return max(1, round(seconds * ENGINE_RATE_HZ / self._detector.window))

    def _cut(self) -> int:
        """Return how many windows end here; 0: the stretch goes on."""
        settings, n = self._settings, len(self._p)
        voiced = self._voiced()
        if not voiced:
            return max(0, n - self._n(settings.margin_s))  # silence leaves as it comes
        n_quiet = n - 1 - voiced[-1]
        is_long = voiced[-1] - voiced[0] >= self._n(settings.long_enough_s)
        if n_quiet >= self._n(settings.pause_s if is_long else settings.silence_s):
            return voiced[-1] + 1 + n_quiet // 2
        return self._quietest() if n >= self._n(settings.at_most_s) else 0

    def _quietest(self) -> int:
        """Return the middle of the 256 ms with the least voice, in the second half."""
        smooth = np.convolve(self._p, np.ones(_SMOOTH) / _SMOOTH, mode="valid")
        first = len(smooth) // 2
        return first + int(np.argmin(smooth[first:])) + _SMOOTH // 2

    def _voiced(self) -> list[int]:
        return [i for i, p in enumerate(self._p) if p >= self._settings.voice_p]

    def _leave(self, n_windows: int) -> Iterator[Stretch]:
        """Let the first windows go: as a stretch without its quiet ends, if there is voice."""
        voiced = [i for i in self._voiced() if i < n_windows]
        if len(voiced) >= _VOICED_AT_LEAST:
            margin = self._n(self._settings.margin_s)
            begin, end = max(0, voiced[0] - margin), min(n_windows, voiced[-1] + 1 + margin)
            start = self._n_before + sum(len(window) for window in self._windows[:begin])
            yield Stretch(np.concatenate(self._windows[begin:end]), start)
        self._n_before += sum(len(window) for window in self._windows[:n_windows])
        del self._windows[:n_windows], self._p[:n_windows]
