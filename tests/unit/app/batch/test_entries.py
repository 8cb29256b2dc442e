"""What is to be done, and what its results are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.batch.entries import (
    Entry,
    Task,
    content_key,
    of_files,
    of_texts,
    output_names,
    read_manifest,
)
from app.messages.errors import BadInputError


def manifest(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "in.jsonl"
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_manifest(tmp_path: Path) -> None:
    path = manifest(tmp_path, {"audio": "talks/one.wav"}, "", {"audio": "/two.wav", "id": 7})
    one, two = read_manifest(path, Task.TRANSCRIBE)
    assert (one.id, one.audio) == ("talks/one.wav", tmp_path / "talks" / "one.wav")
    assert (two.id, two.audio) == ("7", Path("/two.wav"))


def test_texts_to_speak_may_have_their_own_voice(tmp_path: Path) -> None:
    path = manifest(tmp_path, {"text": "Hi.", "voice": "emma", "rate": 1.2}, {"text": "Ho."})
    one, two = read_manifest(path, Task.SPEAK)
    assert one == Entry("line-1", None, "Hi.", "emma", 1.2)
    assert two == Entry("line-2", None, "Ho.")


BAD_LINES = (
    ("{", "cannot be read as JSON"),
    ("[1]", "must be an object"),
    ({"id": "a"}, "audio: is missing"),
    ({"audio": 3}, "audio: must be a text, got 3"),
    ({"audio": "  "}, "audio: is missing"),
    ({"audio": "a.wav", "voice": 3}, "voice: must be a text, got 3"),
    ({"audio": "a.wav", "rate": 9}, "rate: must be a number from 0.7 to 1.5, got 9"),
    ({"audio": "a.wav", "rate": "fast"}, "rate: must be a number from 0.7 to 1.5, got 'fast'"),
    ({"audio": "a.wav", "rate": True}, "rate: must be a number from 0.7 to 1.5, got true"),
)


@pytest.mark.parametrize(("line", "fault"), BAD_LINES)
def test_a_bad_line_keeps_its_place_and_says_why(tmp_path: Path, line: object, fault: str) -> None:
    first, bad, last = read_manifest(
        manifest(tmp_path, {"audio": "1.wav"}, line, {"audio": "2.wav"}), Task.ANSWER
    )
    assert not first.fault
    assert not last.fault
    assert fault in bad.fault


def test_an_id_that_comes_twice_is_a_fault_of_the_second(tmp_path: Path) -> None:
    path = manifest(tmp_path, {"audio": "a.wav", "id": "x"}, {"audio": "b.wav", "id": "x"})
    one, two = read_manifest(path, Task.ANSWER)
    assert not one.fault
    assert "used in line 1" in two.fault
    assert two.id != one.id


def test_line_separators_inside_a_text_do_not_end_a_line(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "one\u2028two"}\r\n', encoding="utf-8")
    (entry,) = read_manifest(tmp_path / "in.jsonl", Task.SPEAK)
    assert entry.text == "one\u2028two"


@pytest.mark.parametrize("content", [None, b"\n", b"\xff\xfe"])
def test_a_manifest_that_is_none_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "in.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError, match=r"in\.jsonl"):
        read_manifest(path, Task.SPEAK)


def test_the_same_file_twice_is_one_entry() -> None:
    assert [entry.id for entry in of_files(["a.wav", "b.wav", "a.wav"])] == ["a.wav", "b.wav"]


def test_results_are_called_like_the_recording() -> None:
    assert output_names(of_files(["talks/one.wav", "two.flac"]), ".wav") == {
        "talks/one.wav": "one.wav",
        "two.flac": "two.wav",
    }
    assert output_names(of_texts(["a", "b"]), ".wav") == {
        "text-1": "text-1.wav",
        "text-2": "text-2.wav",
    }


def test_a_name_does_not_depend_on_the_order() -> None:
    entries = of_files(["a/in.wav", "b/in.wav", "c/IN.wav", "d/other.wav"])
    names = output_names(entries, ".wav")
    assert len({name.casefold() for name in names.values()}) == 4
    assert output_names(entries[::-1], ".wav") == names


@given(st.lists(st.text(min_size=1, max_size=120), unique=True, max_size=6))
def test_any_id_gives_a_name_inside_the_folder(ids: list[str]) -> None:
    entries = [Entry(name, text="x") for name in ids]
    names = output_names(entries, ".wav")
    assert len({name.casefold() for name in names.values()}) == len(ids)
    for name in names.values():
        assert Path(name).name == name
        assert name[0] not in ".-"
        assert len(name.encode("utf-8", "surrogatepass")) <= 230
        assert name.isprintable()


def test_the_key_changes_with_content_and_settings(tmp_path: Path) -> None:
    audio = tmp_path / "a.wav"
    audio.write_bytes(b"one")
    entry = Entry("a", audio)
    keys = [content_key(Task.ANSWER, entry, {"model": "x"})]
    assert content_key(Task.ANSWER, entry, {"model": "x"}) == keys[0]
    keys.append(content_key(Task.ANSWER, entry, {"model": "y"}))
    keys.append(content_key(Task.TRANSCRIBE, entry, {"model": "x"}))
    audio.write_bytes(b"two")
    keys.append(content_key(Task.ANSWER, entry, {"model": "x"}))
    keys.append(content_key(Task.SPEAK, Entry("a", text="one"), {"model": "x"}))
    keys.append(content_key(Task.SPEAK, Entry("a", text="two"), {"model": "x"}))
    assert len(set(keys)) == len(keys)
    audio.unlink()
    with pytest.raises(BadInputError, match=r"a\.wav"):
        content_key(Task.ANSWER, entry, {})
