from __future__ import annotations

import numpy as np
import pytest

from audio_io.room_acoustics import level_of_active_speech
from model.training.duplex.data import acoustics
from model.training.duplex.data.sound_effects import EFFECTS

RATE = 16_000
RNG = np.random.default_rng(4)


def noise(seconds: float = 1.0) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(round(seconds * RATE)).astype(np.float32)


def band_db(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    return 10 * float(np.log10(spectrum[(hz >= low_hz) & (hz < high_hz)].mean() + 1e-12))


def test_convolution_is_that_of_the_textbook() -> None:
    samples, response = noise(0.1), noise(0.02)
    expected = np.convolve(samples, response / np.linalg.norm(response))[: len(samples)]
    assert np.allclose(acoustics.convolved(samples, response), expected, atol=1e-4)


def test_levels_are_those_asked_for() -> None:
    assert level_of_active_speech(acoustics.at_level(noise(), -30.0)) == pytest.approx(-30.0, 0.01)
    assert not acoustics.at_level(np.zeros(1600, np.float32), -30.0).any()


def test_a_telephone_passes_speech_and_nothing_outside_it() -> None:
    heard = acoustics.telephone(0.1 * noise())
    assert band_db(heard, 500, 3000) > band_db(heard, 50, 200) + 25
    assert band_db(heard, 500, 3000) > band_db(heard, 4500, 7500) + 25


def test_a_faster_clock_is_ahead_after_a_while() -> None:
    clicks = np.zeros(20 * RATE, np.float32)
    clicks[19 * RATE] = 1.0
    played = acoustics.drifted(clicks, 500.0)
    assert len(played) == len(clicks)
    assert int(np.argmax(played)) == pytest.approx(19 * RATE / 1.0005, abs=2)


def test_a_room_rings_for_about_as_long_as_asked() -> None:
    response = acoustics.simulated_room(np.random.default_rng(2), 0.4, 0.0)
    energy = np.cumsum(response[::-1] ** 2)[::-1]
    decay_db = 10 * np.log10(energy / energy[0])
    from_5, to_25 = (np.argmax(decay_db < db) / RATE for db in (-8.0, -28.0))
    assert 3.0 * (to_25 - from_5) == pytest.approx(0.4, rel=0.3)


@pytest.mark.parametrize("name", EFFECTS)
def test_effects_sound_and_repeat_with_their_chance(name: str) -> None:
    first = EFFECTS[name](np.random.default_rng(3))
    assert np.array_equal(first, EFFECTS[name](np.random.default_rng(3)))
    assert np.isfinite(first).all()
    assert 0.1 * RATE < len(first) < 8 * RATE
    assert float(np.abs(first).max()) > 0.01
