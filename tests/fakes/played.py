"""Which samples of a reply a recorded loudspeaker played when, by their own shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.scenes.user_script import AUDIBLE_DBFS
from audio_io.frames import ENGINE_RATE_HZ, Samples
from audio_io.resampler import resample

_WINDOW = ENGINE_RATE_HZ // 25  # 40 ms: long enough to be told apart
_LONG_WINDOW = 4 * _WINDOW  # vowels resemble each other for less
_HOP = ENGINE_RATE_HZ // 100
_NEAR = ENGINE_RATE_HZ // 200  # 5 ms: playing goes on
_FAR = ENGINE_RATE_HZ  # or it goes back or on, by less than a second
_ALIKE = 0.9  # correlation of a window with its place in the reply
_POWER = 10.0 ** (AUDIBLE_DBFS / 10.0)


@dataclass(frozen=True, slots=True)
class Played:
    """What was heard of a reply.

    Attributes:
        repeated_ms: the farthest that playing went back.
        lost_ms: sound of the reply, before its last heard sample, that was never played.
    """

    repeated_ms: float
    lost_ms: float


def played(reply: Samples, rate_hz: int, loudspeaker: Samples, begins_s: float) -> Played:
    """``loudspeaker``: 16 kHz, at any level; the reply begins in it at about ``begins_s``."""
    whole = resample(reply, rate_hz, ENGINE_RATE_HZ).astype(np.float64)
    expected, farthest, repeated = 0, 0, 0
    is_heard = np.zeros(len(whole), dtype=bool)
    first = max(0, int((begins_s - 0.1) * ENGINE_RATE_HZ))
    for at in range(first, len(loudspeaker) - _WINDOW, _HOP):
        window = loudspeaker[at : at + _WINDOW]
        place = _place(whole, window, expected, _NEAR)
        if place is None:
            place = _place(whole, loudspeaker[at : at + _LONG_WINDOW], expected, _FAR)
        if place is None:
            continue
        repeated = max(repeated, farthest - (place + _WINDOW))
        farthest = max(farthest, place + _WINDOW)
        is_heard[place : place + _WINDOW] = True
        expected = place + _HOP
    return Played(_ms(max(0, repeated)), _ms(_n_lost(whole[:farthest], is_heard[:farthest])))


def _place(whole: Samples, window: Samples, expected: int, search: int) -> int | None:
    n, window = len(window), window.astype(np.float64)
    if np.mean(window[:_WINDOW] ** 2) < _POWER:
        return None
    begin = max(0, expected - search)
    part = whole[begin : expected + search + n]
    if len(part) < n:
        return None
    products = np.correlate(part, window, mode="valid")
    sums = np.concatenate([[0.0], np.cumsum(part**2)])
    powers = sums[n:] - sums[:-n]
    alike = products / np.sqrt(np.maximum(powers * np.sum(window**2), 1e-12))
    best = int(np.argmax(alike))
    return begin + best if alike[best] >= _ALIKE else None


def _n_lost(whole: Samples, is_heard: Samples) -> int:
    """Samples of audible windows of which nothing was played."""
    n = len(whole) // _HOP
    is_audible = np.mean(whole[: n * _HOP].reshape(n, _HOP) ** 2, axis=1) >= _POWER
    was_heard = is_heard[: n * _HOP].reshape(n, _HOP).any(axis=1)
    return _HOP * int(np.sum(is_audible & ~was_heard))


def _ms(n_samples: int) -> float:
    return 1000.0 * n_samples / ENGINE_RATE_HZ
