"""``parley`` as a person calls it: exit codes, one line of complaint, the files that appear."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.cli.parser import main
from model.store.packages import WeightStore

SCENE = """
[[user]]
wav = "question.wav"
at_s = 0.5
label = "question"

[end]
after_silence_s = 2.0
at_most_s = 30.0
"""
BAD = {
    "a file that is missing": ('wav = "question.wav"', 'wav = "nobody.wav"', "nobody.wav"),
    "an unknown key": ("at_s = 0.5", 'at_s = 0.5\nvolume = "loud"', "volume"),
    "an impossible time": ("at_s = 0.5", "at_s = -1.0", "at_s"),
    "an unknown label": ('label = "question"', 'label = "shout"', "label"),
    "no TOML": ("[end]", "[end", "scene.toml"),
}


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene whose user says a second of noise: nothing that has words."""
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "question.wav", 0.05 * rng.standard_normal(16_000), 16_000)
    path = tmp_path / "scene.toml"
    path.write_text(SCENE, encoding="utf-8")
    return path


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("what", BAD)
def test_a_bad_scene_is_one_line_and_nothing_is_written(
    what: str, scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, named = BAD[what]
    scene.write_text(SCENE.replace(good, bad), encoding="utf-8")
    out = tmp_path / "out"
    assert main(["scene", str(scene), "--out", str(out), "--virtual-time"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = lines(printed.err)
    assert "scene.toml" in line
    assert named in line
    assert not out.exists()


def test_a_recording_that_is_no_audio_is_one_line(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "question.wav").write_text("not a sound", encoding="utf-8")
    assert main(["scene", str(scene), "--out", str(tmp_path / "out"), "--virtual-time"]) == 2
    (line,) = lines(capsys.readouterr().err)
    assert "question.wav" in line
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_is_one_line(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["scene", str(scene), "--out", str(tmp_path / "out"), "--model", "nobody"]
    assert main(arguments) == 2
    (line,) = lines(capsys.readouterr().err)
    assert "nobody" in line
    assert not (tmp_path / "out").exists()


def test_a_folder_without_scenes_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "scenes", str(tmp_path), "--virtual-time"]) == 2
    (line,) = lines(capsys.readouterr().err)
    assert str(tmp_path) in line


@pytest.mark.needs_weights("silero-vad")
def test_a_scene_is_decided_again_by_the_command_line(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert (
        main(["scene", str(scene), "--out", str(out), "--virtual-time", "--model", "scripted"]) == 0
    )
    capsys.readouterr()
    assert main(["replay", str(out)]) == 0
    assert "the same, bit for bit" in capsys.readouterr().out
    assert main(["replay", str(out), "--redact", str(tmp_path / "shown")]) == 0
    assert main(["replay", str(tmp_path / "shown")]) == 0
    assert "the same, bit for bit" in capsys.readouterr().out


@pytest.mark.needs_weights("silero-vad")
def test_a_scene_writes_its_files(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert (
        main(["scene", str(scene), "--out", str(out), "--virtual-time", "--model", "scripted"]) == 0
    )
    assert {path.name for path in out.iterdir()} == {
        "recording.flac",
        "clean_user.flac",
        "timeline.jsonl",
        "summary.json",
        "replay",
    }
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == summary
    both, rate_hz = soundfile.read(out / "recording.flac")
    clean, clean_rate_hz = soundfile.read(out / "clean_user.flac")
    assert rate_hz == clean_rate_hz == 16_000
    assert both.shape[1] == 2
    assert len(both) == pytest.approx(summary["seconds"] * 16_000, abs=160)
    assert len(clean) == pytest.approx(len(both), abs=320)
    begin = round(summary["turns"][0]["start_s"] * 16_000)
    said, _ = soundfile.read(tmp_path / "question.wav")
    in_room = both[begin - 800 : begin + len(said) + 800, 0]
    best = int(np.argmax(np.correlate(in_room, said, "valid")))
    assert abs(best - 800) <= 16  # where the summary says, to the millisecond
    timeline = (out / "timeline.jsonl").read_text(encoding="utf-8").splitlines()
    times = [json.loads(line)["t_s"] for line in timeline]
    assert times == sorted(times)


@pytest.mark.needs_weights("silero-vad")
def test_bench_scenes_prints_a_table_and_writes_its_json(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card.json"
    arguments = ["bench", "scenes", str(scene.parent), "--virtual-time", "--model", "scripted"]
    assert main([*arguments, "--json", str(path)]) == 0
    card = json.loads(path.read_text(encoding="utf-8"))
    assert {"bench", "command", "machine", "rows"} <= set(card)
    assert card["bench"] == "scenes"
    assert card["command"].startswith("parley bench scenes")
    assert [row["scene"] for row in card["rows"]] == ["scene", "all"]
    needed = {
        "response_latency_p50_ms", "response_latency_p95_ms", "stop_latency_p50_ms",
        "stop_latency_p95_ms", "missed_interruptions", "false_stops_per_backchannel",
        "false_stops_per_noise_min", "cut_offs", "self_interruptions_per_h", "real_time_factor",
        "output_xruns", "peak_memory_mb",
    }  # fmt: skip
    assert needed <= set(card["rows"][0])
    printed = capsys.readouterr().out
    assert "parley bench scenes" in printed


def test_it_says_its_version_and_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("parley ")


@pytest.mark.usefixtures("embedded_default")
def test_voices_are_listed_one_a_line(
    capsys: pytest.CaptureFixture[str], weight_store: WeightStore
) -> None:
    assert main(["voices"]) == 0
    assert any(line.startswith("heart ") for line in lines(capsys.readouterr().out))
