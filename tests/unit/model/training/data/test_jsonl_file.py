from __future__ import annotations

from pathlib import Path

import pytest

from model.training.data.problems import BadSample, DataError
from model.training.data.samples import JsonlFile


def test_lines_are_read_in_any_order_and_counted_with_the_blank_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n\n  \n{"b": 2}\r\n{"c": 3}')
    file = JsonlFile(path)
    assert len(file) == 3
    assert [file.line(i).strip() for i in (2, 0, 1)] == ['{"c": 3}', '{"a": 1}', '{"b": 2}']
    assert [str(file.place(i)) for i in range(3)] == [f"{path}:{n}" for n in (1, 4, 5)]


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf{}\n")
    assert JsonlFile(path).line(0) == "{}\n"


def test_a_line_in_another_encoding_is_that_lines_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes("{}\n{'ü'}\n{}\n".encode("latin-1"))
    file = JsonlFile(path)
    with pytest.raises(BadSample, match="UTF-8"):
        file.line(1)
    assert file.line(2) == "{}\n"


def test_an_empty_or_missing_file_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    for name, reason in (("empty.jsonl", "is empty"), ("none.jsonl", "cannot be read")):
        with pytest.raises(DataError, match=f"{name}: {reason}"):
            JsonlFile(tmp_path / name)
