from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from model.training.data.problems import BadSample, Fault
from model.training.data.sounds import read_sound, sound_info
from tests.fakes.training_data import record


def test_a_recording_of_another_rate_is_brought_to_sixteen_kilohertz(tmp_path: Path) -> None:
    path = record(tmp_path / "a.flac", seconds=0.5, rate_hz=44_100)
    assert sound_info(path).rate_hz == 44_100
    assert len(read_sound(path)) == pytest.approx(8000, abs=2)


def test_the_first_channel_or_the_mean_of_both_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.tile([[0.5, -0.25]], (100, 1)).astype(np.float32), 16_000)
    assert read_sound(path) == pytest.approx(0.5, abs=1e-4)
    assert read_sound(path, mixes_channels=True) == pytest.approx(0.125, abs=1e-4)


@pytest.mark.parametrize(
    ("content", "fault", "reason"),
    [
        (None, Fault.MISSING_AUDIO, "is missing"),
        (b"RIFF no sound", Fault.UNREADABLE_AUDIO, "cannot be read"),
        (b"", Fault.UNREADABLE_AUDIO, "cannot be read"),
    ],
)
def test_a_missing_or_damaged_recording_says_so(
    tmp_path: Path, content: bytes | None, fault: Fault, reason: str
) -> None:
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSample, match=reason) as raised:
        read_sound(path)
    assert raised.value.fault is fault


def test_a_rate_below_that_of_a_telephone_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "a.wav", rate_hz=6000)
    with pytest.raises(BadSample, match="rate of 6000 Hz"):
        sound_info(path)


def test_a_recording_without_samples_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "a.wav", seconds=0.0)
    with pytest.raises(BadSample, match=r"lasts 0\.0 s"):
        sound_info(path)
