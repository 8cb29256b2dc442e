# ruff: noqa: E402  what is imported below needs torch
"""From nothing to a predictor that runs: made-up clips, training, weights in use."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from audio_io.frames import AudioFrame, UserFrame, frozen, level_dbfs
from model.duplex.lexicon import DEFAULT_FOLDER
from model.duplex.predictor_factory import PredictorFactory
from model.training import make_duplex_data, train_duplex
from model.types import AgentState, DuplexPrediction
from tests.fakes.audio import speech_like

RATE_HZ, FRAME = 16_000, 160


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    data = tmp_path_factory.mktemp("data")
    out = tmp_path_factory.mktemp("trained")
    assert make_duplex_data.main([str(data), "--tiny"]) == 0
    small = ["--hidden", "16", "--sound-width", "12", "--epochs", "3", "--device", "cpu"]
    assert train_duplex.main([str(data), "--out", str(out), *small]) == 0
    for words in DEFAULT_FOLDER.glob("*.toml"):
        shutil.copy(words, out)
    return out


def predictions(folder: Path, *, is_agent_speaking: bool) -> list[DuplexPrediction]:
    predictor = PredictorFactory(folder / "no weights", folder).predictor()
    speech = speech_like(2.0, 1)
    sound = np.concatenate([speech, np.zeros(4 * RATE_HZ, np.float32)])
    found: list[DuplexPrediction] = []
    for start in range(0, len(sound), FRAME):
        frame = AudioFrame(frozen(sound[start : start + FRAME]), start)
        p_speech = 0.95 if start < len(speech) else 0.02
        user = UserFrame(frame, p_speech, p_speech > 0.5, level_dbfs(frame.samples))
        agent = AgentState(is_speaking=is_agent_speaking)
        if predicted := predictor.step(user, agent):
            found.append(predicted)
    return found


def test_the_predictor_runs_on_what_was_just_trained(trained: Path) -> None:
    found = predictions(trained, is_agent_speaking=False)
    assert found
    assert all(0.0 <= p.p_end_of_turn <= 1.0 for p in found)
    assert found[-1].p_end_of_turn >= 0.5, "after 3 s of silence every turn is over"


def test_what_was_trained_hears_overlaps_too(trained: Path) -> None:
    found = predictions(trained, is_agent_speaking=True)
    assert found
    for p in found:
        assert p.p_interruption + p.p_backchannel + p.p_noise <= 1.0 + 1e-5
