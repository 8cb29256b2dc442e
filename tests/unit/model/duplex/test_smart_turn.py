"""The network's features and its file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from model.duplex.smart_turn import N_WINDOW, WEIGHTS_NAME, SmartTurn, WhisperLogMel
from model.errors import WeightsError
from model.store.packages import default_store

GOLDEN = Path(__file__).parents[3] / "golden" / "whisper_log_mel.json"
SMART_TURN = default_store().folder / WEIGHTS_NAME
TOLERANCE = 1e-4  # the reference computes in float64, we in float32


def chirp(n: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    t = np.arange(n) / 16_000
    return (0.3 * np.sin(2 * np.pi * (100 * t + 400 * t**2))).astype(np.float32)


def test_features_equal_those_of_whispers_extractor() -> None:
    """The values were printed by the extractor that the network is published with."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    features = WhisperLogMel()(chirp(golden["n_samples"]))
    assert features.shape == (80, 800)
    for mel, frame, value in golden["points"]:
        assert features[mel, frame] == pytest.approx(value, abs=TOLERANCE)
    assert float(features.mean()) == pytest.approx(golden["mean"], abs=TOLERANCE)


def test_only_the_last_eight_seconds_count() -> None:
    long = chirp(N_WINDOW + 5000)
    assert np.array_equal(WhisperLogMel()(long), WhisperLogMel()(long[-N_WINDOW:]))


def test_silence_and_nothing_have_features_too() -> None:
    for samples in (np.zeros(0, np.float32), np.zeros(N_WINDOW, np.float32)):
        assert np.isfinite(WhisperLogMel()(samples)).all()


def test_a_missing_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="parley models get"):
        SmartTurn(tmp_path / WEIGHTS_NAME)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / WEIGHTS_NAME
    path.write_bytes(b"not a network")
    with pytest.raises(WeightsError, match=WEIGHTS_NAME):
        SmartTurn(path)


@pytest.mark.skipif(not SMART_TURN.is_file(), reason=f"{WEIGHTS_NAME} is missing: models get")
def test_a_finished_sentence_sounds_finished_and_its_first_half_does_not(shared_dev: Path) -> None:
    samples, _ = sf.read(shared_dev / "turns" / "complete-000.flac", dtype="float32")
    network = SmartTurn(SMART_TURN)
    assert network.p_complete(samples[:50_200]) > 0.7
    assert network.p_complete(samples[:30_000]) < 0.4
    assert network.last_inference_s > 0.0
