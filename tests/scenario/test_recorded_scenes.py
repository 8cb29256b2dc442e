"""The scenes on real recordings can be read wherever the recordings lie next to the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.scenes.scene_file import Label, read_scene

FOLDER = Path(__file__).resolve().parent / "recorded"
SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "audio" / "dev"
SCENES = sorted(FOLDER.rglob("*.toml"))

needs_recordings = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"the recordings are not at {SHARED}"
)


def test_there_are_scenes() -> None:
    assert len(SCENES) >= 20


@needs_recordings
@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_a_recorded_scene_is_complete(path: Path) -> None:
    scene = read_scene(path)
    assert scene.users
    assert all(user.text or user.wav is not None for user in scene.users)


@needs_recordings
def test_the_echo_scenes_are_long_and_are_interrupted_by_real_voices() -> None:
    scenes = [read_scene(path) for path in SCENES if path.parent.name == "echo_10min"]
    users = [user for scene in scenes for user in scene.users]
    interruptions = [user for user in users if user.label is Label.INTERRUPTION]
    assert all(scene.room.echo_db == -20.0 for scene in scenes)
    assert len({scene.room.impulse_response for scene in scenes}) == len(scenes), "a room each"
    assert len(interruptions) >= 20
    assert all(user.wav is not None for user in interruptions)
