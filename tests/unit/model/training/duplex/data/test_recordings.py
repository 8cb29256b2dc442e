from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from model.training.duplex.data.recordings import read_recordings
from model.training.duplex.errors import DataError


def row(name: str, speaker: str, **more: object) -> dict[str, object]:
    return {
        "id": name, "path": f"{name}.flac", "kind": "command", "lang": "en", "speaker": speaker,
        "licence": "CC0", "train_ok": True, **more,
    }  # fmt: skip


def folder_with(path: Path, rows: list[dict[str, object]], tests: object = None) -> Path:
    (path / "manifest.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    for r in rows:
        sf.write(path / str(r["path"]), np.full(1600, 0.1, np.float32), 16_000)
    if tests is not None:
        (path / "bargein").mkdir()
        (path / "bargein" / "labels.jsonl").write_text(json.dumps(tests) + "\n")
    return path


def test_people_and_clips_of_the_tests_are_never_learnt_from(tmp_path: Path) -> None:
    rows = [
        row("free", "ann"),
        row("far", "bob"),
        row("near", "cleo"),
        row("both", "dora,bob"),
        row("used", "eve"),
    ]
    tests = {
        "far": {"speaker": "bob", "clips": [{"clip": "x"}]},
        "events": [{"speaker": "cleo"}],
        "noise": [{"clip": "used"}],
    }
    found = read_recordings(folder_with(tmp_path, rows, tests))
    assert [r.id for r in found] == ["free"]


def test_only_what_may_be_trained_on_is_read(tmp_path: Path) -> None:
    rows = [row("a", "x"), row("b", "y", train_ok=False), row("c", "z", kind="aec_real")]
    assert [r.id for r in read_recordings(folder_with(tmp_path, rows))] == ["a"]


def test_a_speaker_stands_on_one_side_of_the_split(tmp_path: Path) -> None:
    rows = [row(f"{s}{i}", f"speaker{s}") for s in range(40) for i in range(2)]
    found = read_recordings(folder_with(tmp_path, rows))
    sides = {(r.speaker, r.split) for r in found}
    assert len(sides) == 40
    assert {split for _, split in sides} == {"train", "val"}


def test_a_folder_without_a_manifest_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no manifest\.jsonl in it"):
        read_recordings(tmp_path)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "must be an object"),
        (json.dumps({"id": "a", "kind": "command", "train_ok": True}), "path: is missing"),
        (json.dumps(row("gone", "x")), "gone.flac is missing"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, complaint: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=complaint) as caught:
        read_recordings(tmp_path)
    assert "manifest.jsonl:1" in str(caught.value)


def test_sound_of_another_rate_is_refused(tmp_path: Path) -> None:
    (recording,) = read_recordings(folder_with(tmp_path, [row("a", "x")]))
    sf.write(recording.path, np.zeros(800, np.float32), 8000)
    with pytest.raises(DataError, match="resample it to 16000 Hz"):
        recording.samples()
