from __future__ import annotations

import numpy as np
import pytest

from model.training.duplex.data.utterance import (
    Utterance,
    Word,
    joined,
    sounding_span,
    stretched,
    tilted,
)

RATE = 16_000


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    at_s = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * hz * at_s)).astype(np.float32)


def pitch_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * RATE / len(samples))


def said(samples: np.ndarray) -> Utterance:
    return Utterance(samples, (Word("a", 0.2, 0.4),), "a", "en", "x", "y", "z")


@pytest.mark.parametrize("factor", [0.7, 1.3, 1.6])
def test_stretching_changes_length_but_not_pitch(factor: float) -> None:
    longer = stretched(tone(220.0), factor)
    assert len(longer) == round(RATE * factor)
    assert pitch_hz(longer) == pytest.approx(220.0, abs=3.0)


def test_another_pitch_at_the_same_tempo_keeps_the_times_of_words() -> None:
    other = said(tone(220.0)).warped(pitch=0.8, tempo=1.0, tilt_db=0.0)
    assert pitch_hz(other.samples) == pytest.approx(176.0, abs=3.0)
    assert other.seconds == pytest.approx(1.0, abs=0.01)
    assert other.words[0].start_s == pytest.approx(0.2, abs=0.01)


def test_a_faster_tempo_brings_words_earlier() -> None:
    other = said(tone(220.0)).warped(pitch=1.0, tempo=1.25, tilt_db=0.0)
    assert other.seconds == pytest.approx(0.8, abs=0.01)
    assert other.words[0].end_s == pytest.approx(0.32, abs=0.01)


def test_tilt_raises_high_tones_against_low_ones() -> None:
    low, high = tilted(tone(300.0), 6.0), tilted(tone(6000.0), 6.0)
    assert 20 * np.log10(high.std() / low.std()) == pytest.approx(6.0, abs=0.1)


def test_a_part_has_its_own_words_and_clock() -> None:
    two = joined((said(tone(200.0)), said(tone(300.0))), (0.5,))
    assert two.seconds == pytest.approx(2.5, abs=0.01)
    second = two.part(1.5, 2.5)
    assert [word.start_s for word in second.words] == [pytest.approx(0.2, abs=0.01)]


def test_silence_around_a_sound_does_not_count() -> None:
    samples = np.concatenate([np.zeros(8000), tone(200.0), np.zeros(4000)]).astype(np.float32)
    start_s, end_s = sounding_span(samples)
    assert start_s == pytest.approx(0.5, abs=0.02)
    assert end_s == pytest.approx(1.5, abs=0.02)
