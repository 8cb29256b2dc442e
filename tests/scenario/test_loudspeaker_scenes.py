"""Half an hour of the assistant's own voice through loudspeakers that do everything wrong.

``parley bench scenes tests/scenario/loudspeaker --virtual-time`` runs them.
"""

from __future__ import annotations

from pathlib import Path

from app.scenes.scene_file import Label, read_scene

SCENES = [read_scene(path) for path in sorted(Path(__file__).parent.glob("loudspeaker/*.toml"))]


def test_every_fault_of_a_loudspeaker_has_a_scene() -> None:
    rooms = [scene.room for scene in SCENES]
    assert {room.echo_db for room in rooms} == {-10.0, -5.0}
    assert any(room.clip_at is not None for room in rooms)
    assert any(room.delay_jump_ms == 40.0 and room.delay_jump_every_s for room in rooms)
    assert any(room.drift_ppm == 80.0 for room in rooms)


def test_nobody_interrupts_in_them() -> None:
    """So that every stop is one by its own voice."""
    assert {user.label for scene in SCENES for user in scene.users} == {Label.QUESTION}
