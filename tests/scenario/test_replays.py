"""A bundled scene with the predictor that is used, decided again: the same to the last bit."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from app.engine.factories import Factories
from app.main import RESOURCES, make_factories
from app.replay.bundle import read_bundle
from app.replay.comparison import replay
from app.replay.explanation import decision_lines
from app.scenes.run import SceneOptions, run_scene, write_result
from app.scenes.scene_file import read_scene
from app.settings.settings import Settings
from model.scripted import Script
from model.store.packages import default_store
from tests.fakes.parts import fake_parts

ASKED = "please tell me a long story about a dragon and a princess"
ASKED_THEN = "actually tell me what the biggest planet is"
SCRIPT = Script(
    replies=dict.fromkeys(
        range(9),
        "There was a dragon once that lived on a hill. Every morning it flew down to the river, "
        "and every evening it came back with a story for the princess in the tower.",
    ),
    transcripts={1: ASKED, 2: ASKED_THEN},
)

pytestmark = pytest.mark.needs_weights("silero-vad", "smart-turn", "smollm2-135m")


@pytest.fixture(scope="module")
def parts() -> Factories:
    """Real ears and the real predictor; who answers is on a script."""
    return replace(make_factories(default_store()), inline_worker=fake_parts(SCRIPT).inline_worker)


@pytest.fixture(scope="module")
def scene_folder(parts: Factories, tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = read_scene(RESOURCES / "scenes" / "barge_in.toml")
    folder = tmp_path_factory.mktemp("barge_in")
    options = SceneOptions(is_virtual_time=True, keeps_replay=True)
    write_result(run_scene(scene, parts, Settings(), options), folder)
    return folder


def change_sound(folder: Path, change: Callable[[np.ndarray], None]) -> None:
    """Alters what the predictor heard, so that the checksum fits."""
    path = folder / "frames-0001.npz"
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files}
    change(arrays["user.clean.samples"])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    path.write_bytes(buffer.getvalue())
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["files"][path.name] = hashlib.sha256(buffer.getvalue()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(manifest))


def test_the_predictor_decides_a_scene_again_bit_for_bit(
    parts: Factories, scene_folder: Path
) -> None:
    bundle = read_bundle(scene_folder)
    found = replay(bundle, parts.predictor)
    assert found.difference is None
    assert found.n_predictions > 50
    decided = {line.replayed for line in decision_lines(bundle, found)}
    assert {"end_of_turn", "interrupted"} <= decided
    assert bundle.manifest.weights == parts.predictor_weights()


def test_a_predictor_that_was_used_before_decides_the_same(
    parts: Factories, scene_folder: Path
) -> None:
    """What predictors share remembers nothing that matters."""
    bundle = read_bundle(scene_folder)
    for _ in range(2):
        assert replay(bundle, parts.predictor).difference is None


def test_one_sample_that_was_changed_is_noticed(
    parts: Factories, scene_folder: Path, tmp_path: Path
) -> None:
    folder = Path(copytree(scene_folder / "replay", tmp_path / "replay"))
    at = 0

    def flip(samples: np.ndarray) -> None:
        nonlocal at
        at = int(np.argmax(np.abs(samples)))
        samples[at] = -samples[at]

    change_sound(folder, flip)
    found = replay(read_bundle(folder), parts.predictor).difference
    assert found is not None
    assert found.where == "prediction"
    assert at / 16_000 <= found.t_s < at / 16_000 + 0.2


def test_every_decision_tells_the_evidence_of_the_network(scene_folder: Path) -> None:
    lines = (scene_folder / "timeline.jsonl").read_text().splitlines()
    decided = [entry for entry in map(json.loads, lines) if "why" in entry]
    assert decided
    for entry in decided:
        assert any(name.startswith("in.") for name in entry["why"]), entry["event"]
