from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import soundfile as sf

from model.training.duplex.data.dataset import read_clips, read_infos
from model.training.make_duplex_data import main
from tests.fakes.audio import speech_like


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("duplex")
    assert main([str(out), "--tiny"]) == 0
    return out


def test_a_tiny_set_is_what_the_trainer_reads(made: Path) -> None:
    clips = read_clips(made)
    assert {clip.split for clip in clips} == {"train", "val"}
    for split in ("train", "val"):
        steps = [clip for clip in clips if clip.split == split]
        assert any(clip.is_overlap.any() for clip in steps)
        assert any((~clip.is_overlap).any() for clip in steps)
    rows = [json.loads(line) for line in (made / "clips.jsonl").read_text().splitlines()]
    keys = "id split kind language source speaker licence seconds seed heard"
    assert set(rows[0]) == set(keys.split())


def test_a_second_run_makes_nothing_again(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*.safetensors")}
    assert main([str(made), "--tiny"]) == 0
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*.safetensors")} == before


def test_a_clip_that_is_gone_comes_back_the_same(made: Path) -> None:
    heard = made / "cache" / f"{next(read_infos(made)).heard}.safetensors"
    shard = made / "shard-000.safetensors"
    before = safetensors.numpy.load(shard.read_bytes())
    heard.unlink()
    shard.unlink()
    assert main([str(made), "--tiny"]) == 0
    after = safetensors.numpy.load(shard.read_bytes())
    assert before.keys() == after.keys()
    assert all((before[key] == after[key]).all() for key in before)
    assert heard.is_file()


def test_a_damaged_clip_is_made_again(made: Path) -> None:
    heard = made / "cache" / f"{next(read_infos(made)).heard}.safetensors"
    shard = made / "shard-000.safetensors"
    before = shard.read_bytes()
    heard.write_bytes(heard.read_bytes()[:1000])
    shard.write_bytes(before[:1000])
    assert main([str(made), "--tiny"]) == 0
    assert shard.read_bytes() == before
    assert heard.stat().st_size > 1000


def write_recordings(folder: Path) -> Path:
    """A labelled test and a marked moment, in two sub-folders, and a manifest without rows."""
    (folder / "turns").mkdir(parents=True)
    (folder / "manifest.jsonl").write_text("")
    turn = {
        "id": "a", "path": "turns/a.flac", "kind": "complete", "lang": "en",
        "events": [{"event": "speech_start", "t": 1.0}, {"event": "end_of_turn", "t": 2.0}],
    }  # fmt: skip
    (folder / "turns" / "labels.jsonl").write_text(json.dumps(turn) + "\n")
    sf.write(folder / "turns" / "a.flac", speech_like(4.0, 1)[: 4 * 16_000], 16_000)
    (folder / "marked" / "m").mkdir(parents=True)
    mark = {"format": 1, "kind": "ignored_me", "marked_s": 3.0, "language": "en", "agent": []}
    (folder / "marked" / "m" / "label.json").write_text(json.dumps(mark))
    sound = speech_like(4.0, 2)[: 4 * 16_000]
    sf.write(folder / "marked" / "m" / "sound.flac", np.stack([sound, 0 * sound], 1), 16_000)
    return folder


def test_labelled_tests_and_marked_moments_are_clips_wherever_they_lie(
    tmp_path: Path,
) -> None:
    """With what was heard before, in another place too."""
    heard: list[dict[str, str]] = []
    for name in ("one", "other"):
        real = write_recordings(tmp_path / name)
        arguments = ["--tiny", "--real", str(real), "--marked", str(real / "marked")]
        assert main([str(tmp_path / "out"), *arguments]) == 0
        heard.append({info.id: info.heard for info in read_infos(tmp_path / "out")})
    assert heard[0] == heard[1]
    splits = {info.id: info.split for info in read_infos(tmp_path / "out")}
    assert splits["test-a"] == "test"
    assert splits["marked-m"] == "train"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--minutes", "0"], "--minutes 0.0: must be more than 0"),
        (["--workers", "9"], "--workers 9: must be 1 to 2"),
        (["--tiny", "--real", "/nowhere"], "no manifest.jsonl in it"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert main([str(tmp_path / "out"), *arguments]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert complaint in said
