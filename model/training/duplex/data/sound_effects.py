"""Sounds of people and things that are no speech, made from scratch where no recording is free.

Coarse: they have the envelope, pitch and colour of what they stand for.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.training.duplex.data.acoustics import band_limited, coloured_noise

_FloatArray = npt.NDArray[np.float64]


def _n_samples(seconds: float) -> int:
    return round(seconds * ENGINE_RATE_HZ)


def _burst(n: int, attack_s: float, decay_s: float) -> _FloatArray:
    at_s = np.arange(n) / ENGINE_RATE_HZ
    return np.minimum(at_s / attack_s, 1.0) * np.exp(-np.maximum(at_s - attack_s, 0.0) / decay_s)


def _formants(samples: _FloatArray, hz: tuple[float, ...], width_hz: float) -> _FloatArray:
    spectrum = np.fft.rfft(samples)
    at_hz = np.fft.rfftfreq(len(samples), 1.0 / ENGINE_RATE_HZ)
    shape = sum(np.exp(-0.5 * ((at_hz - f) / width_hz) ** 2) / (1 + i) for i, f in enumerate(hz))
    return np.fft.irfft(spectrum * (shape + 0.02), len(samples))


def _glottal(pitch_hz: _FloatArray) -> _FloatArray:
    """Return the pulses of a voice of this pitch, (n,)."""
    phase = np.cumsum(pitch_hz / ENGINE_RATE_HZ)
    return np.where(np.diff(np.floor(phase), prepend=0.0) > 0.0, 1.0, 0.0) - 0.01


def cough(rng: np.random.Generator) -> Samples:
    """Return one to three explosive bursts, the later ones partly voiced."""
    parts: list[_FloatArray] = []
    for _ in range(int(rng.integers(1, 4))):
        n = _n_samples(rng.uniform(0.18, 0.4))
        breath = coloured_noise(rng, n, rng.uniform(1.0, 4.0)).astype(np.float64)
        voice = _glottal(np.linspace(rng.uniform(180, 320), rng.uniform(100, 160), n))
        mixed = breath + rng.uniform(0.0, 3.0) * voice
        formants = (rng.uniform(500, 800), rng.uniform(1200, 1700), rng.uniform(2400, 3000))
        parts.append(_formants(mixed, formants, 300.0) * _burst(n, 0.01, rng.uniform(0.05, 0.12)))
        parts.append(np.zeros(_n_samples(rng.uniform(0.03, 0.2))))
    return np.concatenate(parts).astype(np.float32)


def throat_clearing(rng: np.random.Generator) -> Samples:
    """Return a rough low voice with breath, twice."""
    parts: list[_FloatArray] = []
    for _ in range(2):
        n = _n_samples(rng.uniform(0.15, 0.35))
        rough = 1.0 + 0.7 * np.sin(2 * np.pi * rng.uniform(25, 40) * np.arange(n) / ENGINE_RATE_HZ)
        pitch = rng.uniform(80, 140) * (1.0 + 0.1 * rng.standard_normal(n))
        mixed = (_glottal(pitch) + 0.2 * coloured_noise(rng, n, 3.0)) * rough
        parts.append(_formants(mixed, (550.0, 1100.0), 250.0) * _burst(n, 0.03, 0.15))
        parts.append(np.zeros(_n_samples(0.05)))
    return np.concatenate(parts).astype(np.float32)


def laughter(rng: np.random.Generator) -> Samples:
    """Return four to eight "ha" at five a second, falling in pitch and level."""
    pitch = rng.uniform(140.0, 320.0)
    step_s = rng.uniform(0.17, 0.24)
    parts: list[_FloatArray] = []
    n_syllables = int(rng.integers(4, 9))
    for i in range(n_syllables):
        n = _n_samples(step_s)
        fall = 1.0 - 0.3 * i / n_syllables
        voice = _glottal(np.linspace(1.15, 0.9, n) * pitch * fall)
        voiced = np.arange(n) > n * 0.35
        mixed = voice * voiced * 3.0 + 0.25 * coloured_noise(rng, n, 2.0)
        shaped = _formants(mixed, (700.0, 1200.0, 2500.0), 200.0)
        parts.append(shaped * _burst(n, 0.05, 0.12) * fall)
    return np.concatenate(parts).astype(np.float32)


def sniff(rng: np.random.Generator) -> Samples:
    """Return a breath through the nose."""
    n = _n_samples(rng.uniform(0.2, 0.6))
    window = np.sin(np.pi * np.arange(n) / n) ** 1.5
    noise = coloured_noise(rng, n, rng.uniform(-1.0, 2.0)) * window
    return band_limited(noise.astype(np.float32), rng.uniform(300, 900), 6000.0)


def typing(rng: np.random.Generator) -> Samples:
    """Return key strokes: a click, and a fainter one at the release."""
    out = np.zeros(_n_samples(rng.uniform(0.6, 3.0)))
    n = _n_samples(0.03)
    at_s = 0.05
    while at_s < len(out) / ENGINE_RATE_HZ - 0.1:
        for offset_s, level in ((0.0, 1.0), (rng.uniform(0.06, 0.1), 0.4)):
            click = coloured_noise(rng, n, rng.uniform(-2.0, 2.0)) * _burst(n, 0.001, 0.006)
            first = _n_samples(at_s + offset_s)
            out[first : first + n] += (level * rng.uniform(0.3, 1.0) * click)[: len(out) - first]
        at_s += rng.uniform(0.08, 0.35)
    return out.astype(np.float32)


def thump(rng: np.random.Generator) -> Samples:
    """Return one to three low bursts: a door, a cup put down, a knock."""
    parts: list[_FloatArray] = []
    tone_hz = rng.uniform(60.0, 400.0)
    for _ in range(int(rng.integers(1, 4))):
        n = _n_samples(rng.uniform(0.12, 0.4))
        ring = np.sin(2 * np.pi * tone_hz * np.arange(n) / ENGINE_RATE_HZ)
        mixed = ring + rng.uniform(0.2, 1.0) * coloured_noise(rng, n, 4.0)
        parts.append(mixed * _burst(n, 0.002, rng.uniform(0.02, 0.1)))
    return np.concatenate(parts).astype(np.float32)


def music(rng: np.random.Generator) -> Samples:
    """Return 3 to 6 s of chords of decaying harmonics over a beat."""
    out = np.zeros(_n_samples(rng.uniform(3.0, 6.0)))
    beat_s = rng.uniform(0.3, 0.6)
    scale = 220.0 * 2.0 ** (np.array((0, 2, 4, 7, 9, 12)) / 12.0)
    for beat in range(int(len(out) / ENGINE_RATE_HZ / beat_s)):
        first = _n_samples(beat * beat_s)
        n = min(_n_samples(2.0 * beat_s), len(out) - first)
        at_s = np.arange(n) / ENGINE_RATE_HZ
        for note in rng.choice(scale, 3):
            tones = sum(np.sin(2 * np.pi * note * k * at_s) / k for k in range(1, 6))
            out[first : first + n] += tones * np.exp(-at_s / 0.4)
        drum = coloured_noise(rng, n, 2.0) * np.exp(-at_s / 0.03)
        out[first : first + n] += 1.5 * drum
    return out.astype(np.float32)


EFFECTS: Mapping[str, Callable[[np.random.Generator], Samples]] = {
    "cough": cough,
    "throat": throat_clearing,
    "laughter": laughter,
    "sniff": sniff,
    "typing": typing,
    "thump": thump,
    "music": music,
}
