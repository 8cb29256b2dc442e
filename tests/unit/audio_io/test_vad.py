from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_io.errors import AudioUnavailable
from audio_io.events import SpeechEnded, SpeechStarted
from audio_io.vad import WINDOW, SegmenterSettings, SegmenterState, SileroVad, SpeechSegmenter

WINDOW_S = 0.032
PLAIN = SegmenterSettings(onset_lead_ms=0.0, offset_lag_ms=0.0)


def _feed(probabilities: list[float], settings: SegmenterSettings = PLAIN) -> list:
    segmenter = SpeechSegmenter(settings)
    events = []
    for i, p in enumerate(probabilities):
        event = segmenter.step(p, -20.0, i * WINDOW_S, (i + 1) * WINDOW_S)
        if event is not None:
            events.append(event)
    return events


def test_speech_is_declared_after_96_ms_and_dated_to_its_onset() -> None:
    (event,) = _feed([0.0] * 4 + [0.9] * 4)
    assert event == SpeechStarted(onset_s=pytest.approx(0.128), at_s=pytest.approx(0.224))


def test_the_end_is_declared_after_128_ms_and_dated_to_the_offset() -> None:
    events = _feed([0.9] * 5 + [0.1] * 6)
    assert events[1] == SpeechEnded(offset_s=pytest.approx(0.16), at_s=pytest.approx(0.288))


def test_a_click_is_no_speech() -> None:
    assert _feed([0.0, 0.9, 0.9, 0.1, 0.9, 0.2, 0.9, 0.1]) == []


def test_a_short_pause_does_not_end_speech() -> None:
    assert len(_feed([0.9] * 5 + [0.1] * 3 + [0.9] * 5)) == 1


def test_between_the_thresholds_nothing_changes() -> None:
    assert len(_feed([0.9] * 4 + [0.4] * 40)) == 1


def test_what_is_too_soft_is_no_speech() -> None:
    segmenter = SpeechSegmenter(PLAIN)
    for i in range(20):
        assert segmenter.step(0.99, -61.0, i * WINDOW_S, (i + 1) * WINDOW_S) is None
    assert segmenter.state is SegmenterState.QUIET


def test_the_calibration_moves_both_edges_back() -> None:
    started, ended = _feed(
        [0.0] * 4 + [0.9] * 5 + [0.0] * 6, SegmenterSettings(onset_lead_ms=40.0, offset_lag_ms=30.0)
    )
    assert started.onset_s == pytest.approx(0.128 - 0.04)
    assert ended.offset_s == pytest.approx(9 * WINDOW_S - 0.03)


def test_closing_ends_speech() -> None:
    segmenter = SpeechSegmenter(PLAIN)
    for i in range(4):
        segmenter.step(0.9, -20.0, i * WINDOW_S, (i + 1) * WINDOW_S)
    assert segmenter.close(0.2) == SpeechEnded(offset_s=0.2, at_s=0.2)
    assert segmenter.close(0.3) is None


@given(st.lists(st.floats(0.0, 1.0), max_size=200))
def test_starts_and_ends_alternate_and_time_runs_forward(probabilities: list[float]) -> None:
    events = _feed(probabilities)
    for i, event in enumerate(events):
        assert isinstance(event, SpeechStarted if i % 2 == 0 else SpeechEnded)
    edges = [e.onset_s if isinstance(e, SpeechStarted) else e.offset_s for e in events]
    assert edges == sorted(edges)


def test_a_missing_weight_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AudioUnavailable, match="parley models get"):
        SileroVad(tmp_path / "silero.onnx")


@pytest.fixture
def silero(weights: Callable[[str], Path]) -> SileroVad:
    return SileroVad(weights("silero-vad"))


def test_silero_tells_speech_from_noise(silero: SileroVad, shared_dev: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    recording = next(iter(sorted((shared_dev / "speech").glob("*.flac"))))
    speech, _ = soundfile.read(recording, dtype="float32")
    noise = (0.05 * np.random.default_rng(0).standard_normal(32_000)).astype(np.float32)

    def voiced(sound: np.ndarray) -> float:
        silero.reset()
        n = len(sound) // WINDOW * WINDOW
        p = [silero.probability(sound[i : i + WINDOW]) for i in range(0, n, WINDOW)]
        return float(np.mean(np.array(p) > 0.5))

    assert voiced(speech) > 0.4
    assert voiced(noise) < 0.05


def test_reset_makes_silero_forget(silero: SileroVad) -> None:
    window = (0.1 * np.random.default_rng(1).standard_normal(WINDOW)).astype(np.float32)
    silero.reset()
    first = [silero.probability(window) for _ in range(3)]
    silero.reset()
    assert [silero.probability(window) for _ in range(3)] == first
