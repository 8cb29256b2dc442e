"""A recorded conversation is decided again: the same, bit for bit, or the first difference."""

from __future__ import annotations

import hashlib
import io
import json
import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

from app.cli.parser import main
from app.cli.replay import run_replay
from app.messages.errors import BadInputError
from app.replay.bundle import read_bundle
from app.replay.comparison import replay
from app.scenes.run import SceneOptions, run_scene, write_result
from app.scenes.scene_file import Cue, EndPlan, Label, RoomPlan, Scene, Utterance
from app.settings.settings import Settings
from model.scripted import Script
from tests.fakes.parts import fake_parts

SCENE = Path("scene.toml")
WORDS = "what will the weather in lisbon be"
MORE = "no tell me something about elephants instead"
REPLY = (
    "This is a long answer about umbrellas that goes on for quite a while, so that there is time "
    "to say something in the middle of it and to see what happens then."
)
SCRIPT = Script(replies=dict.fromkeys(range(9), REPLY), transcripts={1: WORDS, 2: "mm-hm", 3: MORE})
PARTS = fake_parts(SCRIPT)


@pytest.fixture(scope="module")
def scene_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question, an acknowledgement and an interruption, as `parley scene` leaves them."""
    users = (
        Utterance(Label.QUESTION, text=WORDS, at_s=1.0),
        Utterance(Label.BACKCHANNEL, text="mm-hm", after=Cue.ASSISTANT_STARTED, delay_s=1.0),
        Utterance(Label.INTERRUPTION, text=MORE, after=Cue.USER_ENDED, delay_s=2.0),
    )
    scene = Scene("test", SCENE, RoomPlan(), users, EndPlan(1.5, 40.0))
    options = SceneOptions(is_virtual_time=True, keeps_replay=True)
    folder = tmp_path_factory.mktemp("scene")
    write_result(run_scene(scene, PARTS, Settings(), options), folder)
    return folder


@pytest.fixture
def folder(scene_folder: Path, tmp_path: Path) -> Path:
    """A copy of the bundle to do harm to."""
    return Path(copytree(scene_folder / "replay", tmp_path / "replay"))


def sealed(folder: Path, name: str, content: bytes) -> None:
    """Changes a piece so that its checksum fits: a forgery, or an experiment."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(manifest))


def change_column(folder: Path, name: str, change: Callable[[np.ndarray], None]) -> None:
    path = folder / "frames-0001.npz"
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files}
    change(arrays[name])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    sealed(folder, path.name, buffer.getvalue())


def change_lines(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    path = folder / "steps-0001.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    sealed(folder, path.name, "".join(json.dumps(line) + "\n" for line in lines).encode())


def decide(folder: Path, **options: Any) -> int:
    given = {"dir": folder, "explain": None, "redact": None, **options}
    return run_replay(Namespace(**given), lambda: PARTS)


def test_a_scene_is_decided_again_bit_for_bit(scene_folder: Path) -> None:
    found = replay(read_bundle(scene_folder), PARTS.predictor)
    assert found.difference is None
    assert found.n_predictions > 50
    assert len(found.steps) > 100


def test_all_decisions_are_shown_with_their_time_and_reason(
    scene_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert decide(scene_folder) == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()[1:-1]]
    assert {row[1] for row in rows} >= {"end_of_turn", "resumed", "interrupted"}
    assert all(row[1] == row[2] for row in rows)
    assert "the same, bit for bit" in out


def test_another_input_of_the_predictor_is_the_first_difference(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def deafen(p_speech: np.ndarray) -> None:
        p_speech[120:140] = 0.0  # in the middle of the first word

    change_column(folder, "user.p_speech", deafen)
    assert decide(folder) == 1
    assert "first difference at 1.2" in capsys.readouterr().out


def test_the_last_bit_of_a_number_is_a_difference(folder: Path) -> None:
    def nudge(lines: list[dict[str, Any]]) -> None:
        line = next(line for line in lines if line["kind"] == "prediction")
        p = line["prediction"]["p_end_of_turn"]
        line["prediction"]["p_end_of_turn"] = float(np.nextafter(p, 2.0))

    change_lines(folder, nudge)
    found = replay(read_bundle(folder), PARTS.predictor)
    assert found.difference is not None
    assert found.difference.where == "prediction"
    assert "p_end_of_turn" in found.difference.recorded


def test_an_event_that_is_missing_is_noticed_at_the_next_step(folder: Path) -> None:
    times: list[float] = []

    def drop(lines: list[dict[str, Any]]) -> None:
        steps = [line for line in lines if line["kind"] == "step"]
        at = next(i for i, s in enumerate(steps) if s.get("event", {}).get("is") == "SpeechEnded")
        times.append(steps[at + 1]["t_s"])
        lines.remove(steps[at])

    change_lines(folder, drop)
    found = replay(read_bundle(folder), PARTS.predictor)
    assert found.difference is not None
    assert (found.difference.where, found.difference.t_s) == ("state", times[0])


def test_an_event_that_was_changed_is_noticed(folder: Path) -> None:
    def obey(lines: list[dict[str, Any]]) -> None:
        heard = [s for s in lines if s.get("event", {}).get("is") == "TurnTranscribed"]
        heard[-1]["event"]["text"] = "stop"

    change_lines(folder, obey)
    found = replay(read_bundle(folder), PARTS.predictor)
    assert found.difference is not None
    assert found.difference.where == "decision"


@pytest.mark.parametrize("name", ["frames-0001.npz", "steps-0001.jsonl"])
def test_one_flipped_bit_in_a_file_is_damage(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BadInputError, match=rf"{name}: is damaged: its checksum differs"):
        read_bundle(folder)


def test_a_file_that_is_gone_is_damage(folder: Path) -> None:
    (folder / "frames-0001.npz").unlink()
    with pytest.raises(BadInputError, match=r"names frames-0001.npz, which is not there"):
        read_bundle(folder)


def test_nothing_outside_of_the_folder_is_read(folder: Path) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["files"]["../frames-0002.npz"] = "0"
    (folder / "bundle.json").write_text(json.dumps(manifest))
    (folder.parent / "frames-0002.npz").write_bytes(b"")
    with pytest.raises(BadInputError, match="is damaged"):
        read_bundle(folder)


def test_a_folder_without_a_bundle_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"holds no replay bundle .*; give a folder"):
        read_bundle(tmp_path)


def test_the_command_line_tells_it_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"parley: {tmp_path}: holds no replay bundle")


def test_a_bundle_of_another_version_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**manifest, "version": 99}))
    with pytest.raises(BadInputError, match="version: is 99; this Parley reads versions 1 to 2"):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ({"kind": "dream"}, "'dream' with kind is no line"),
        ({"kind": "step", "t_s": 1.0, "before": 0, "event": {"is": "Wish"}, "effects": []}, "Wish"),
        (
            {"kind": "state", "state": {"phase": "asleep"}},
            "value 'asleep' - at `..phase`",
        ),
        ({"kind": "predictor", "frame": 0, "settings": {"vad.enter_ms": "soon"}}, "vad.enter_ms"),
        (
            {"kind": "prediction", "frame": 1},
            "'prediction' with kind, frame is no",
        ),
    ],
)
def test_a_line_that_makes_no_sense_is_named(
    folder: Path, line: dict[str, Any], complaint: str
) -> None:
    change_lines(folder, lambda lines: lines.insert(0, line))
    with pytest.raises(
        BadInputError, match=rf"steps-0001.jsonl: is damaged: line 1: .*{complaint}"
    ):
        read_bundle(folder)


def test_a_recording_with_a_gap_is_not_replayed(folder: Path) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**manifest, "n_lost": 3}))
    with pytest.raises(BadInputError, match="has lost 3 moments"):
        replay(read_bundle(folder), PARTS.predictor)


def test_other_weights_are_mentioned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    weights = {"weights": {"predictor.safetensors": "123"}}
    (folder / "bundle.json").write_text(json.dumps({**manifest, **weights}))
    assert decide(folder) == 0
    assert "other files than those it was recorded with: predictor.safetensors" in (
        capsys.readouterr().out
    )


def test_the_inputs_around_a_time_are_shown(
    scene_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert decide(scene_folder, explain=1.5) == 0
    out = capsys.readouterr().out
    assert "USER DBFS" in out
    assert re.search(r"1\.\d+  prediction: .*end=0", out)
    assert "listening: SpeechStarted -> OpenTurn" in out
    times = [float(line.split()[0]) for line in out.splitlines() if line[:1] == " "]
    assert times
    assert all(1.0 <= t <= 2.0 for t in times)


def test_a_redacted_bundle_holds_no_word_and_no_sound(scene_folder: Path, tmp_path: Path) -> None:
    assert decide(scene_folder, redact=tmp_path / "out") == 0
    lines = (tmp_path / "out" / "steps-0001.jsonl").read_text()
    spoken = {word for word in (*WORDS.split(), *MORE.split(), *REPLY.split()) if len(word) > 5}
    assert {"elephants", "weather", "umbrellas"} <= spoken
    for word in spoken:
        assert not re.search(rf"\b{re.escape(word)}\b", lines), word
    with np.load(tmp_path / "out" / "frames-0001.npz") as arrays:
        assert not [name for name in arrays.files if name.endswith("samples")]


def test_a_redacted_bundle_decides_the_same(
    scene_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decide(scene_folder)
    whole = capsys.readouterr().out.splitlines()[:-1]
    decide(scene_folder, redact=tmp_path / "out")
    told = capsys.readouterr().out
    assert "not replayed: the predictor" in told
    assert decide(tmp_path / "out") == 0
    redacted = capsys.readouterr().out.splitlines()
    assert redacted[1:-1] == whole
    assert decide(tmp_path / "out", explain=1.5) == 0
    assert "USER DBFS" in capsys.readouterr().out


def test_a_redacted_bundle_is_not_written_over_another(scene_folder: Path, tmp_path: Path) -> None:
    decide(scene_folder, redact=tmp_path)
    with pytest.raises(BadInputError, match="holds a bundle already"):
        decide(scene_folder, redact=tmp_path)


def test_a_scene_written_twice_keeps_one_replay(folder: Path, scene_folder: Path) -> None:
    users = (Utterance(Label.QUESTION, text=WORDS, at_s=0.5),)
    scene = Scene("short", SCENE, RoomPlan(), users, EndPlan(0.5, 3.0))
    options = SceneOptions(is_virtual_time=True, keeps_replay=True)
    (folder / "frames-0002.npz").write_bytes(b"of a longer run")
    write_result(run_scene(scene, PARTS, Settings(), options), folder.parent)
    assert sorted(path.name for path in folder.iterdir()) == [
        "bundle.json", "frames-0001.npz", "steps-0001.jsonl",
    ]  # fmt: skip
    assert replay(read_bundle(folder), PARTS.predictor).difference is None
