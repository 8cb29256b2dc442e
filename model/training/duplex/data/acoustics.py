"""What rooms, loudspeakers, microphones and lines do to sound: pure functions of 16 kHz samples."""

import numpy as np
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples
from audio_io.room_acoustics import level_of_active_speech

_TELEPHONE_HZ = (300.0, 3400.0)
_EDGE_OCTAVES = 0.3  # width of a filter's edge
_MU = 255.0
_PREDELAY_S = 0.002
_SPEED_OF_ECHOES = 1.0 / 3.0  # reflections later in the tail grow denser; shapes the early ones
_N_EARLY = 8
_DEAF_DBFS = -119.0


def gain(db: float) -> np.float32:
    """Return the factor of a gain in decibels."""
    return np.float32(10.0 ** (db / 20.0))


def at_level(samples: Samples, dbfs: float) -> Samples:
    """Scale so that the parts that are not pauses have this level; silence stays silence."""
    level = level_of_active_speech(samples)
    return samples if level < _DEAF_DBFS else samples * gain(dbfs - level)


def convolved(samples: Samples, response: Samples) -> Samples:
    """Convolve with a response scaled to unit energy; the result is as long as ``samples``."""
    if not len(samples):
        return samples
    energy = float(np.sqrt(np.sum(np.square(response, dtype=np.float64)))) or 1.0
    n = len(samples) + len(response) - 1
    size = 1 << (n - 1).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.fft.rfft(response / energy, size)
    return np.fft.irfft(spectrum, size)[: len(samples)].astype(np.float32)


def simulated_room(rng: np.random.Generator, rt60_s: float, direct_db: float) -> Samples:
    """Return a response: direct sound ``direct_db`` over reflections and an exponential tail."""
    n = round((_PREDELAY_S + 1.2 * rt60_s) * ENGINE_RATE_HZ)
    at_s = np.arange(n) / ENGINE_RATE_HZ
    tail = rng.standard_normal(n) * 10.0 ** (-3.0 * at_s / rt60_s)
    first = round(_PREDELAY_S * ENGINE_RATE_HZ)
    tail[: first + 1] = 0.0
    early = np.zeros(n)
    for delay_s in rng.uniform(0.001, 0.03, _N_EARLY):
        place = first + max(1, round(delay_s * ENGINE_RATE_HZ))
        if place < n:
            early[place] += rng.choice((-1.0, 1.0)) * rng.uniform(0.2, 1.0)
    rest = tail / np.sqrt(np.sum(tail**2)) + _SPEED_OF_ECHOES * early
    rest /= np.sqrt(np.sum(rest**2))
    rest[first] += float(gain(direct_db))
    return rest.astype(np.float32)


def band_limited(samples: Samples, low_hz: float, high_hz: float) -> Samples:
    """Keep a band, falling off to nothing within a third of an octave beyond both edges."""
    spectrum = np.fft.rfft(samples)
    hz = np.maximum(np.fft.rfftfreq(len(samples), 1.0 / ENGINE_RATE_HZ), 1.0)
    above = np.clip(np.log2(hz / low_hz) / _EDGE_OCTAVES + 1.0, 0.0, 1.0) if low_hz > 0.0 else 1.0
    below = np.clip(np.log2(high_hz / hz) / _EDGE_OCTAVES + 1.0, 0.0, 1.0)
    return np.fft.irfft(spectrum * above * below, len(samples)).astype(np.float32)


def shelved(samples: Samples, from_hz: float, db: float) -> Samples:
    """Raise what is above ``from_hz`` by ``db``, with an edge an octave wide."""
    spectrum = np.fft.rfft(samples)
    hz = np.maximum(np.fft.rfftfreq(len(samples), 1.0 / ENGINE_RATE_HZ), 1.0)
    share = np.clip(np.log2(hz / from_hz) + 0.5, 0.0, 1.0)
    return np.fft.irfft(spectrum * 10.0 ** (db * share / 20.0), len(samples)).astype(np.float32)


def telephone(samples: Samples) -> Samples:
    """Send 300 to 3400 Hz over an 8 kHz line through mu-law."""
    return mu_law(band_limited(samples, *_TELEPHONE_HZ))


def mu_law(samples: Samples) -> Samples:
    """Send through the 8-bit codec of an 8 kHz line (ITU-T G.711)."""
    narrow: Samples = soxr.resample(samples, ENGINE_RATE_HZ, ENGINE_RATE_HZ // 2, "HQ")
    line = np.clip(narrow, -1.0, 1.0)
    code = np.rint(np.sign(line) * np.log1p(_MU * np.abs(line)) / np.log1p(_MU) * 127.0) / 127.0
    decoded = np.sign(code) * (np.power(1.0 + _MU, np.abs(code)) - 1.0) / _MU
    wide = soxr.resample(decoded.astype(np.float32), ENGINE_RATE_HZ // 2, ENGINE_RATE_HZ, "HQ")
    return np.resize(wide, len(samples)).astype(np.float32)


def soft_clipped(samples: Samples, drive_db: float) -> Samples:
    """Drive a small loudspeaker ``drive_db`` beyond where it is linear; the level stays."""
    drive = gain(drive_db)
    return (np.tanh(samples * drive) / drive).astype(np.float32)


def drifted(samples: Samples, ppm: float) -> Samples:
    """Play with a clock that is ``ppm`` too fast."""
    if not ppm:
        return samples
    rate_hz = float(ENGINE_RATE_HZ)
    played = soxr.resample(samples, rate_hz * (1.0 + ppm * 1e-6), rate_hz, "HQ")
    return np.pad(played, (0, max(0, len(samples) - len(played))))[: len(samples)]


def delayed(samples: Samples, seconds: float) -> Samples:
    """Delay; the result is as long as before."""
    n = round(seconds * ENGINE_RATE_HZ)
    return np.pad(samples, (n, 0))[: len(samples)]


def looped(samples: Samples, n: int, rng: np.random.Generator) -> Samples:
    """Return ``n`` samples, repeated as needed, from a random place on."""
    return np.take(samples, (int(rng.integers(len(samples))) + np.arange(n)) % len(samples))


def coloured_noise(rng: np.random.Generator, n: int, slope_db: float) -> Samples:
    """Return noise of unit power that falls by ``slope_db`` per octave: 0 is white, 3 pink."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n, 1.0 / ENGINE_RATE_HZ), 40.0) / 40.0)
    noise = np.fft.irfft(spectrum * 10.0 ** (-slope_db * octaves / 20.0), n)
    return (noise / (np.sqrt(np.mean(noise**2)) + 1e-9)).astype(np.float32)
