"""Manifests of samples: what counts for which evaluation, and one clear line for a bad one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evaluation.evaluation_samples import Subject, read_samples
from app.messages.errors import BadInputError


def manifest(folder: Path, *rows: object) -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    return tmp_path


def test_both_spellings_of_the_keys_are_read(folder: Path):
    path = manifest(
        folder,
        {"audio": "a.wav", "text": "one", "language": "zh", "id": "x", "kind": "read"},
        {"path": "a.wav", "text": "two", "lang": "en"},
    )
    first, second = read_samples(path, Subject.ASR)
    assert (first.id, first.language, first.kind, first.audio) == (
        "x",
        "zh",
        "read",
        folder / "a.wav",
    )
    assert (second.id, second.language, second.text) == ("a.wav", "en", "two")


def test_a_folder_stands_for_its_manifest(folder: Path):
    path = manifest(folder, {"audio": "a.wav", "text": "one"})
    assert read_samples(folder, Subject.ASR) == read_samples(path, Subject.ASR)


def test_lines_for_another_use_are_passed_over(folder: Path):
    path = manifest(
        folder,
        {"path": "a.wav", "kind": "noise"},
        {"text": "only words", "id": "w"},
        {"text": "how many", "answers": ["two"], "id": "q"},
        {"path": "a.wav", "text": "hej", "lang": "sv", "id": "s"},
    )
    assert [sample.id for sample in read_samples(path, Subject.TTS)] == ["w", "q"]
    assert [sample.id for sample in read_samples(path, Subject.SQA)] == ["q"]
    with pytest.raises(BadInputError, match="no recording with its text"):
        read_samples(path, Subject.ASR)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "m.jsonl:1: cannot be read as JSON"),
        ("[1]", "m.jsonl:1: must be an object"),
        ('{"text": 5}', "m.jsonl:1: text: must be a text"),
        ('{"text": "a", "answers": "b"}', "answers: must be a list"),
        ('{"text": "a", "answers": ["b", ""]}', "answers[1]: must be a text that is not empty"),
        ('{"audio": "gone.wav", "text": "a"}', "names 'gone.wav', which is not there"),
    ],
)
def test_a_bad_line_is_told_in_one_line(tmp_path: Path, line: str, told: str):
    path = tmp_path / "m.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(BadInputError) as caught:
        read_samples(path, Subject.ASR)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_id_that_comes_twice_is_refused(tmp_path: Path):
    path = manifest(tmp_path, {"text": "a", "id": "x"}, {"text": "b", "id": "x"})
    with pytest.raises(BadInputError, match="id 'x': is used twice"):
        read_samples(path, Subject.TTS)


@given(text=st.text(max_size=200))
def test_whatever_is_in_the_file_nothing_but_a_clear_error_comes(
    tmp_path_factory: pytest.TempPathFactory, text: str
):
    path = tmp_path_factory.mktemp("fuzz") / "m.jsonl"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(BadInputError):
        read_samples(path, Subject.SQA)
