"""Noise as it is played to a microphone beside headphones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from app.evaluation.turn_taking.noise_streams import ALONE_S, GAP_S, LOUDEST_DBFS, noise_streams
from audio_io.frames import ENGINE_RATE_HZ, level_dbfs
from model.duplex.labels import FarEnd, LabelsError, NoiseClip, OverlapScene


def clip(folder: Path, name: str, seconds: float, amplitude: float) -> NoiseClip:
    rng = np.random.default_rng(3)
    path = folder / f"{name}.wav"
    sf.write(path, amplitude * rng.standard_normal(int(seconds * ENGINE_RATE_HZ)), ENGINE_RATE_HZ)
    return NoiseClip(name, path, "test")


def scene(folder: Path) -> OverlapScene:
    """A far end that plays 0.1 from 1 to 2 s."""
    sound = np.zeros((3 * ENGINE_RATE_HZ, 2), np.float32)
    sound[ENGINE_RATE_HZ : 2 * ENGINE_RATE_HZ, 1] = 0.1
    sf.write(folder / "scene.flac", sound, ENGINE_RATE_HZ)
    return OverlapScene(
        "s", str(folder / "scene.flac"), "echo_only", "en", (), FarEnd(((1.0, 2.0),))
    )


def test_clips_are_joined_into_streams_of_a_minute(tmp_path: Path) -> None:
    clips = [clip(tmp_path, f"n{i}", 29.0, 0.01) for i in range(3)]
    streams = list(noise_streams(clips, ()))
    assert [len(stream.mic) / ENGINE_RATE_HZ for stream in streams] == [
        pytest.approx(ALONE_S + 2 * (29.0 + GAP_S)),
        pytest.approx(ALONE_S + 29.0 + GAP_S),
    ]
    assert streams[0].truth.alone_s == pytest.approx(60.0)
    assert streams[0].truth.is_noisy


def test_loud_clips_are_turned_down_and_soft_ones_left(tmp_path: Path) -> None:
    clips = [clip(tmp_path, "loud", 2.0, 0.3), clip(tmp_path, "soft", 2.0, 0.01)]
    (stream,) = noise_streams(clips, ())
    begin = int(ALONE_S * ENGINE_RATE_HZ)
    loud = stream.mic[begin : begin + 2 * ENGINE_RATE_HZ]
    soft = stream.mic[begin + 3 * ENGINE_RATE_HZ : begin + 5 * ENGINE_RATE_HZ]
    assert level_dbfs(loud) == pytest.approx(LOUDEST_DBFS, abs=0.5)
    assert level_dbfs(soft) == pytest.approx(-40.0, abs=0.5)


def test_the_headphones_play_the_far_ends_speech_and_the_microphone_does_not_hear_it(
    tmp_path: Path,
) -> None:
    (stream,) = noise_streams([clip(tmp_path, "soft", 2.0, 0.001)], [scene(tmp_path)])
    assert len(stream.far) == len(stream.mic)
    assert np.allclose(stream.far, 0.1, atol=1e-3)
    assert level_dbfs(stream.mic) < -55.0


def test_without_clips_there_are_no_streams(tmp_path: Path) -> None:
    assert list(noise_streams([], [scene(tmp_path)])) == []


def test_a_broken_clip_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("no sound")
    with pytest.raises(LabelsError, match=r"x\.wav"):
        list(noise_streams([NoiseClip("x", tmp_path / "x.wav", "test")], ()))
