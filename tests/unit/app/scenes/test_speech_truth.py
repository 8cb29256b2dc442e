"""Bounds of speech in clean recordings."""

from __future__ import annotations

import numpy as np
import pytest

from app.scenes.user_script import audible_runs, speech_bounds
from audio_io.frames import ENGINE_RATE_HZ


def tone(seconds: float, level: float = 0.2) -> np.ndarray:
    t = np.arange(int(seconds * ENGINE_RATE_HZ)) / ENGINE_RATE_HZ
    return (level * np.sin(2 * np.pi * 200 * t)).astype(np.float32)


def quiet(seconds: float, level: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(1)
    n = int(seconds * ENGINE_RATE_HZ)
    return (level * rng.standard_normal(n)).astype(np.float32)


@pytest.mark.parametrize("floor", [0.0, 0.0005, 0.003])
def test_speech_is_found_in_its_own_noise(floor: float) -> None:
    recording = np.concatenate([quiet(0.5, floor), tone(1.0), quiet(0.7, floor)])
    start_s, end_s = speech_bounds(recording)
    assert start_s == pytest.approx(0.5, abs=0.02)
    assert end_s == pytest.approx(1.5, abs=0.02)


def test_a_pause_inside_belongs_to_the_speech() -> None:
    recording = np.concatenate([quiet(0.2), tone(0.5), quiet(0.6), tone(0.5), quiet(0.2)])
    assert speech_bounds(recording) == (pytest.approx(0.2, abs=0.02), pytest.approx(1.8, abs=0.02))


def test_a_click_is_no_speech() -> None:
    recording = np.concatenate([quiet(0.2), tone(0.01), quiet(0.5), tone(0.5), quiet(0.2)])
    assert speech_bounds(recording)[0] == pytest.approx(0.71, abs=0.02)


def test_silence_is_all_or_nothing() -> None:
    assert speech_bounds(quiet(1.0)) == (0.0, 1.0)
    assert speech_bounds(quiet(0.0)) == (0.0, 0.0)


def test_audible_runs_of_a_loudspeaker() -> None:
    runs = audible_runs(np.concatenate([quiet(0.3), tone(0.4), quiet(0.3), tone(0.2, 0.0001)]))
    assert runs == [(pytest.approx(0.3), pytest.approx(0.7))]
