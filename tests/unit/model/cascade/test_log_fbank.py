"""Features of the Mandarin recogniser."""

from __future__ import annotations

import numpy as np
import pytest

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.mandarin import N_BANDS, log_fbank


def chirp(seconds: float) -> Samples:
    t = np.arange(int(seconds * ENGINE_RATE_HZ)) / ENGINE_RATE_HZ
    return (0.3 * np.sin(2.0 * np.pi * (200.0 + 1500.0 * t) * t)).astype(np.float32)


def test_there_are_a_hundred_frames_a_second_of_forty_bands() -> None:
    assert log_fbank(chirp(1.0)).shape == (98, N_BANDS)


def test_the_features_are_scaled_as_a_whole() -> None:
    features = log_fbank(chirp(1.0))
    assert float(features.mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(features.std()) == pytest.approx(1.0, abs=1e-5)
    assert np.abs(features.mean(axis=0)).max() < 1e-5


def test_the_same_sound_always_has_the_same_features() -> None:
    assert np.array_equal(log_fbank(chirp(0.7)), log_fbank(chirp(0.7)))


def test_a_louder_sound_has_the_same_features() -> None:
    quiet, loud = log_fbank(chirp(1.0) * 0.5), log_fbank(chirp(1.0))
    assert np.abs(quiet - loud)[:, :20].max() < 0.25


def test_a_rising_tone_rises_through_the_bands() -> None:
    loudest = log_fbank(chirp(1.0))[:, :38].argmax(axis=1)
    assert loudest[90] > loudest[50] > loudest[10]


def test_digital_silence_does_not_outweigh_the_sound() -> None:
    padded = log_fbank(np.pad(chirp(1.0), (8000, 8000)))
    assert float(padded[52:148].std()) > 0.4  # 0.26 where the silence is left digital


def test_golden_values_of_a_chirp() -> None:
    features = log_fbank(chirp(0.5))
    got = [round(float(features[frame, band]), 2) for frame, band in GOLDEN]
    assert got == pytest.approx(list(GOLDEN.values()), abs=0.03)


def test_too_little_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        log_fbank(chirp(0.02))


# (frame, band): value; computed with the publisher's own procedure on the same 22.05 kHz sound.
GOLDEN: dict[tuple[int, int], float] = {
    (0, 3): 3.06,
    (10, 5): 0.16,
    (20, 0): -0.88,
    (25, 12): 3.12,
    (30, 20): 0.69,
    (40, 15): 3.30,
    (47, 30): -0.16,
    (47, 39): -0.62,
}
