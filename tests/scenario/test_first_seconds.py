"""Who interrupts the very first reply after 0.3 s is heard, though nothing of the room is known.

Real ears and the real predictor; who answers is on a script.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.engine.factories import Factories
from app.main import make_factories
from app.scenes.run import SceneOptions, run_scene
from app.scenes.scene_file import read_scene
from app.settings.settings import Settings
from model.scripted import Script
from model.store.packages import default_store
from tests.fakes.parts import fake_parts

SCENES = Path(__file__).resolve().parents[2] / "resources" / "scenes"
SCRIPT = Script(
    replies=dict.fromkeys(
        range(9),
        "Bread was baked long before anybody wrote about it. Every village had an oven, and every "
        "family brought its own dough to it once a week.",
    ),
    transcripts={
        1: "please tell me everything that you know about the history of bread",
        2: "sorry i meant the history of beer",
    },
)

pytestmark = pytest.mark.needs_weights("silero-vad", "smart-turn", "smollm2-135m")


@pytest.fixture(scope="module")
def parts() -> Factories:
    return replace(make_factories(default_store()), inline_worker=fake_parts(SCRIPT).inline_worker)


@pytest.mark.parametrize("name", ["first_second", "first_second_headphones", "first_second_loud"])
def test_an_interruption_in_the_first_second_stops_the_first_reply(
    parts: Factories, name: str
) -> None:
    scene = read_scene(SCENES / f"{name}.toml")
    result = run_scene(scene, parts, Settings(), SceneOptions(is_virtual_time=True))
    turn = result.score.turns[1]
    assert turn.did.startswith("stopped"), turn
    assert turn.stop_latency_ms is not None
    assert turn.stop_latency_ms < 1500.0
    assert result.score.self_interruptions == 0
