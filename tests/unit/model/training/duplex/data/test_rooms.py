from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from audio_io.frames import level_dbfs
from model.training.duplex.data.recordings import of_kind, read_recordings
from model.training.duplex.data.rooms import SoundStock

RATE = 16_000


@pytest.fixture
def stock(tmp_path: Path) -> SoundStock:
    rows = []
    for name, kind, category in (
        ("rain", "noise", "rain"),
        ("dog", "noise", "dog_bark"),
        ("people", "dialog_meeting", ""),
        ("hall", "rir", "measured"),
    ):
        rng = np.random.default_rng(len(name))
        sf.write(tmp_path / f"{name}.flac", 0.1 * rng.standard_normal(RATE), RATE)
        rows.append(
            {
                "id": name,
                "path": f"{name}.flac",
                "kind": kind,
                "category": category,
                "licence": "CC0",
                "train_ok": True,
            }
        )
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recordings = read_recordings(tmp_path)
    return SoundStock(recordings, of_kind(recordings, "noise")[0].split)


def test_recorded_sounds_are_events_and_steady_ones_are_not(stock: SoundStock) -> None:
    names = {stock.event(np.random.default_rng(seed))[0] for seed in range(30)}
    assert "rain" not in names
    assert len(names) > 3


def test_people_in_the_background_last_as_long_as_asked(stock: SoundStock) -> None:
    crowd = stock.crowd(np.random.default_rng(1), 2.5)
    assert crowd is None or len(crowd) == round(2.5 * RATE)
    assert SoundStock((), "train").crowd(np.random.default_rng(1), 1.0) is None


def test_rooms_stay_within_what_people_have(stock: SoundStock) -> None:
    for seed in range(60):
        room = stock.room(np.random.default_rng(seed), is_echo=True)
        assert -46.0 <= room.near_dbfs <= -14.0
        assert room.noise_dbfs <= -34.0
        assert room.echo_db is None or -30.0 <= room.echo_db <= -5.0
        assert 0.015 <= room.delay_s <= 0.15


def test_a_silent_room_still_has_its_noise(stock: SoundStock) -> None:
    silence = np.zeros(2 * RATE, np.float32)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        room = stock.room(rng, is_echo=False)
        heard = room.through_microphone(silence, rng)
        assert len(heard) == len(silence)
        assert -100.0 < level_dbfs(heard) < -20.0


def test_distance_takes_the_high_tones(stock: SoundStock) -> None:
    rng = np.random.default_rng(2)
    room = stock.room(rng, is_echo=False)
    heard = room.distant_sound(rng.standard_normal(RATE).astype(np.float32), -10.0)
    spectrum = np.abs(np.fft.rfft(heard)) ** 2
    assert spectrum[5000:].sum() < 0.01 * spectrum.sum()
    assert level_dbfs(heard) == pytest.approx(room.near_dbfs - 10.0, abs=1.5)
