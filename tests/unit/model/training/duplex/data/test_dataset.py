from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from model.training.duplex.data.dataset import CLIPS, TABLE, read_clips, read_infos
from model.training.duplex.errors import DataError
from tests.fakes.duplex_clips import write_clips

SHARD = "shard-000.safetensors"


def test_clips_come_by_split_in_the_order_of_their_list(tmp_path: Path) -> None:
    folder = write_clips(tmp_path)
    val = read_clips(folder, ("val",))
    assert [clip.id for clip in val] == [f"val-{i:03d}" for i in range(24)]
    infos = [info for info in read_infos(folder) if info.split == "val"]
    assert [info.id for info in infos] == [clip.id for clip in val]
    assert {clip.split for clip in read_clips(folder)} == {"train", "val"}
    assert all(clip.features.shape == (clip.n_steps, 437) for clip in val)


def test_marked_moments_are_told_apart(tmp_path: Path) -> None:
    clips = read_clips(write_clips(tmp_path, is_marked=True), ("train",))
    assert [clip.is_marked for clip in clips[:2]] == [True, False]


def change_tensor(folder: Path, name: str, value: np.ndarray | None) -> None:
    tensors = safetensors.numpy.load((folder / SHARD).read_bytes())
    if value is None:
        del tensors[name]
    else:
        tensors[name] = value
    (folder / SHARD).write_bytes(safetensors.numpy.save(tensors))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("val-001.outcomes", None, "val-001.outcomes is in no shard"),
        ("val-001.outcomes", np.full(25, 9, np.int8), "val-001.outcomes: holds unknown outcomes"),
        ("val-001.is_overlap", np.zeros(3, np.uint8), "val-001: has tensors of sizes"),
        ("val-001.features", np.full((25, 437), np.nan, np.float16), "a value is no number"),
    ],
)
def test_damaged_clips_are_refused(
    tmp_path: Path, name: str, value: np.ndarray | None, message: str
) -> None:
    folder = write_clips(tmp_path)
    change_tensor(folder, name, value)
    with pytest.raises(DataError, match=message) as caught:
        read_clips(folder)
    assert "make the data again" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"clips\.jsonl:73: "),
        ('{"id": "x"}', "split: is missing; make"),
        (
            '{"id": "x", "split": "dev", "kind": "", "language": "en", "source": ""}',
            "split: must be one of train, val, test",
        ),
        ("[]", "must be an object"),
    ],
)
def test_a_broken_list_names_line_and_key(tmp_path: Path, line: str, message: str) -> None:
    folder = write_clips(tmp_path)
    with (folder / CLIPS).open("a", encoding="utf-8") as stream:
        stream.write(line + "\n")
    with pytest.raises(DataError, match=message):
        read_clips(folder)


def test_a_folder_without_clips_of_a_split_is_refused(tmp_path: Path) -> None:
    folder = write_clips(tmp_path)
    with pytest.raises(DataError, match="no clip is test"):
        read_clips(folder, ("test",))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is missing"), ("{", "cannot be read"), ("[]", "must be an object")],
)
def test_without_its_table_of_features_a_folder_is_refused(
    tmp_path: Path, content: str | None, message: str
) -> None:
    folder = write_clips(tmp_path)
    if content is None:
        (folder / TABLE).unlink()
    else:
        (folder / TABLE).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_clips(folder)


def test_a_truncated_shard_is_refused(tmp_path: Path) -> None:
    folder = write_clips(tmp_path)
    whole = (folder / SHARD).read_bytes()
    (folder / SHARD).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"shard-000\.safetensors cannot be read"):
        read_clips(folder)


def test_the_list_is_json_lines(tmp_path: Path) -> None:
    folder = write_clips(tmp_path)
    lines = (folder / CLIPS).read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["split"] for line in lines} == {"train", "val"}
