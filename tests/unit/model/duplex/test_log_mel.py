"""Log-mel spectra of a stream."""

from __future__ import annotations

import numpy as np
import pytest

from model.duplex.log_mel import FRAME, N_MELS, LogMelStream

RATE_HZ = 16_000


def tone(hz: float, n_frames: int, gain: float = 0.1) -> np.ndarray[tuple[int], np.dtype]:
    t = np.arange(n_frames * FRAME) / RATE_HZ
    return (gain * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def noise(n_frames: int) -> np.ndarray[tuple[int], np.dtype]:
    rng = np.random.default_rng(3)
    return (0.05 * rng.standard_normal(n_frames * FRAME)).astype(np.float32)


@pytest.mark.parametrize("n_at_once", [1, 3, 8])
def test_in_pieces_it_gives_what_it_gives_at_once(n_at_once: int) -> None:
    samples = noise(48)
    whole = LogMelStream().push(samples)
    stream = LogMelStream()
    size = n_at_once * FRAME
    parts = [stream.push(samples[at : at + size]) for at in range(0, len(samples), size)]
    assert whole.shape == (48, N_MELS)
    assert np.allclose(np.concatenate(parts), whole, atol=1e-5)


def test_a_frame_knows_nothing_of_the_next() -> None:
    samples = noise(10)
    changed = samples.copy()
    changed[5 * FRAME :] = 0.0
    before, after = LogMelStream().push(samples), LogMelStream().push(changed)
    assert np.array_equal(before[:5], after[:5])
    assert not np.allclose(before[5], after[5])


def test_a_higher_tone_is_in_a_higher_band() -> None:
    bands = [int(LogMelStream().push(tone(hz, 20))[10].argmax()) for hz in (200, 1000, 4000)]
    assert bands == sorted(set(bands))


def test_ten_decibels_are_the_same_step_at_every_level() -> None:
    mels = [float(LogMelStream().push(tone(1000, 20, gain))[10].max()) for gain in (0.01, 0.1, 1.0)]
    assert mels[2] - mels[1] == pytest.approx(mels[1] - mels[0], abs=0.01)


def test_silence_is_finite_and_after_a_reset_nothing_is_left_of_before() -> None:
    stream = LogMelStream()
    silent = stream.push(np.zeros(8 * FRAME, np.float32))
    assert np.isfinite(silent).all()
    stream.push(noise(8))
    stream.reset()
    assert np.array_equal(stream.push(np.zeros(8 * FRAME, np.float32)), silent)
