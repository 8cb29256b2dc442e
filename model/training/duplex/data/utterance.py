"""Something said, with the times of its words where they are known: cut, joined, and warped.

Warping makes another voice and another tempo out of the same speech: resampling, overlap-add,
spectral tilt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen

_FADE = ENGINE_RATE_HZ // 125  # samples, 8 ms: declick at joints
_LEVEL_HOP = ENGINE_RATE_HZ // 100
_SOUNDING_DB = 35.0  # 10 ms frames this far below the loudest one are silence
_BREATH_DB = 28.0  # below the loud parts
_BREATH_S = 0.08
_EDGE_S = 0.6
_GAP_SEARCH_S = 0.04  # a cut may move this far to a quieter place


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an utterance; seconds from the utterance's start."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """16 kHz speech.

    Attributes:
        words: empty where nobody knows when they sound.
        source: the recording or synthesizer that it comes from.
    """

    samples: Samples
    words: tuple[Word, ...]
    text: str
    language: str
    speaker: str
    source: str
    licence: str

    @property
    def seconds(self) -> float:
        """The duration."""
        return len(self.samples) / ENGINE_RATE_HZ

    def trimmed(self) -> Utterance:
        """Cut off the silence at both ends."""
        start_s, end_s = sounding_span(self.samples)
        return self.part(start_s, end_s)

    def part(self, start_s: float, end_s: float) -> Utterance:
        """Return what sounds in [start_s, end_s), without words that are mostly outside."""
        samples = faded(self.samples[at_sample(start_s) : at_sample(end_s)])
        words = tuple(
            Word(word.text, max(0.0, word.start_s - start_s), min(end_s, word.end_s) - start_s)
            for word in self.words
            if start_s <= (word.start_s + word.end_s) / 2.0 < end_s
        )
        text = " ".join(word.text for word in words) if self.words else self.text
        return replace(self, samples=samples, words=words, text=text)

    def quiet_cut_s(self, at_s: float) -> float:
        """Return the quietest place within 40 ms of ``at_s``, in seconds."""
        hop = _LEVEL_HOP // 2
        first = max(0, at_sample(at_s - _GAP_SEARCH_S) // hop)
        last = min(len(self.samples) // hop, at_sample(at_s + _GAP_SEARCH_S) // hop)
        if last <= first:
            return at_s
        frames = self.samples[first * hop : last * hop].reshape(-1, hop)
        return (first + int(np.argmin(np.square(frames).mean(1))) + 0.5) * hop / ENGINE_RATE_HZ

    def quiet_places(self) -> tuple[float, ...]:
        """Return the middles of the speaker's breaths, in seconds, 0.6 s or more from both ends."""
        hop = 2 * _LEVEL_HOP
        n = len(self.samples) // hop
        frames = self.samples[: n * hop].reshape(n, hop)
        power = np.square(frames, dtype=np.float64).mean(1) + 1e-12
        is_quiet = power < np.percentile(power, 90) * 10.0 ** (-_BREATH_DB / 10.0)
        places = [
            (run.start + run.stop) / 2.0 * hop / ENGINE_RATE_HZ
            for run in runs(is_quiet)
            if (run.stop - run.start) * hop / ENGINE_RATE_HZ >= _BREATH_S
        ]
        return tuple(at for at in places if _EDGE_S <= at <= self.seconds - _EDGE_S)

    def warped(self, pitch: float, tempo: float, tilt_db: float) -> Utterance:
        """Say it with ``pitch`` times the pitch (and formants), ``tempo`` times as fast."""
        samples = self.samples
        if abs(pitch - 1.0) >= _NEARLY_ONE and len(samples):
            samples = soxr.resample(samples, ENGINE_RATE_HZ * pitch, ENGINE_RATE_HZ, "HQ")
        samples = tilted(stretched(samples, pitch / tempo), tilt_db)
        scale = len(samples) / max(1, len(self.samples))
        words = tuple(Word(w.text, w.start_s * scale, w.end_s * scale) for w in self.words)
        return replace(self, samples=frozen(samples.astype(np.float32)), words=words)


def at_sample(seconds: float) -> int:
    """Return the number of the sample at this time."""
    return round(seconds * ENGINE_RATE_HZ)


def sounding_span(samples: Samples) -> tuple[float, float]:
    """Return when the first and last sound is that is not 35 dB below the loudest, in seconds."""
    n = len(samples) // _LEVEL_HOP
    if not n:
        return 0.0, len(samples) / ENGINE_RATE_HZ
    power = np.square(samples[: n * _LEVEL_HOP], dtype=np.float64).reshape(n, _LEVEL_HOP).mean(1)
    loud = np.flatnonzero(power >= power.max() * 10.0 ** (-_SOUNDING_DB / 10.0))
    return loud[0] * _LEVEL_HOP / ENGINE_RATE_HZ, (loud[-1] + 1) * _LEVEL_HOP / ENGINE_RATE_HZ


def faded(samples: Samples) -> Samples:
    """Fade 8 ms at both ends."""
    n = min(_FADE, len(samples) // 2)
    ramp = np.linspace(0.0, 1.0, n, dtype=np.float32)
    body = np.array(samples, np.float32)
    body[:n] *= ramp
    body[len(body) - n :] *= ramp[::-1]
    return frozen(body)


def joined(parts: Sequence[Utterance], gaps_s: Sequence[float]) -> Utterance:
    """Join ``parts`` with silence between them; ``gaps_s`` is one shorter."""
    samples: list[Samples] = []
    words: list[Word] = []
    at_s = 0.0
    for i, piece in enumerate(parts):
        gap_s = gaps_s[i - 1] if i else 0.0
        samples.append(np.zeros(at_sample(gap_s), np.float32))
        at_s += gap_s
        words.extend(Word(w.text, w.start_s + at_s, w.end_s + at_s) for w in piece.words)
        samples.append(piece.samples)
        at_s += piece.seconds
    text = " ".join(piece.text for piece in parts)
    return replace(parts[0], samples=frozen(np.concatenate(samples)), words=tuple(words), text=text)


def runs(flags: npt.NDArray[np.bool_]) -> list[slice]:
    """Return the stretches in which ``flags`` are set."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [slice(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


_WINDOW = ENGINE_RATE_HZ // 25  # samples, 40 ms
_HOP = _WINDOW // 2
_SEARCH = ENGINE_RATE_HZ // 100  # a window may be taken from this much earlier or later
_TILT_FROM_HZ, _TILT_TO_HZ = 300.0, 6000.0
_NEARLY_ONE = 0.01


def stretched(samples: Samples, factor: float) -> Samples:
    """Make it ``factor`` times as long at the same pitch (WSOLA, Verhelst and Roelands 1993)."""
    if abs(factor - 1.0) < _NEARLY_ONE or len(samples) < 3 * _WINDOW:
        return samples
    n_out = round(len(samples) * factor)
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    padded = np.pad(samples, (_SEARCH, _WINDOW + 2 * _SEARCH))
    out = np.zeros(n_out + 2 * _WINDOW, np.float32)
    best = _SEARCH
    out[:_WINDOW] += padded[best : best + _WINDOW] * window
    for at in range(_HOP, n_out, _HOP):
        wanted = padded[best + _HOP : best + _HOP + _WINDOW]
        centre = min(round(at / factor), len(samples) - 1) + _SEARCH
        begin = centre - _SEARCH
        region = padded[begin : centre + _SEARCH + _WINDOW]
        if len(region) < len(wanted) or len(wanted) < _WINDOW:
            break
        best = begin + int(np.argmax(np.correlate(region, wanted, mode="valid")))
        out[at : at + _WINDOW] += padded[best : best + _WINDOW] * window
    return out[:n_out]


def tilted(samples: Samples, db: float) -> Samples:
    """Raise 6 kHz by ``db`` against 300 Hz, linear in octaves."""
    if abs(db) < _NEARLY_ONE or not len(samples):
        return samples
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1.0 / ENGINE_RATE_HZ)
    octaves = np.log2(np.clip(hz, _TILT_FROM_HZ, _TILT_TO_HZ) / _TILT_FROM_HZ)
    gain = 10.0 ** (db * octaves / np.log2(_TILT_TO_HZ / _TILT_FROM_HZ) / 20.0)
    return np.fft.irfft(spectrum * gain, len(samples)).astype(np.float32)
