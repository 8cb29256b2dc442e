"""Records of JSON, JSON lines and TOML: a mistake is one line with file, key and expectation."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.files.records import (
    Misfit,
    Problem,
    RecordError,
    parse_json,
    read_json,
    read_jsonl,
    read_toml,
)

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class Pace(StrEnum):
    EAGER = "eager"
    PATIENT = "patient"


@dataclass(frozen=True, slots=True)
class Size:
    width: Annotated[int, msgspec.Meta(ge=1)]
    name: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    at_s: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    until_s: float | None = None
    pace: Pace = Pace.EAGER
    side: Literal["left", "right"] = "left"
    digest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]+$", description="hexadecimal")] = "0"
    shares: dict[str, Share] = {}
    groups: tuple[tuple[str, int], ...] = ()
    size: Size | None = None

    def __post_init__(self) -> None:
        if self.until_s is not None and self.until_s < self.at_s:
            raise Misfit("until_s", "is before at_s", "give a later time")


COMPLAINTS = [
    ('{"id": "a", "at_s": -1}', "at_s: must be a number of at least 0, got -1"),
    ('{"id": "a", "at_s": "1"}', "at_s: must be a number of at least 0, got '1'"),
    ('{"id": "a", "at_s": true}', "at_s: must be a number of at least 0, got true"),
    ('{"id": ""}', "id: must be a text that is not empty, got ''"),
    ("{}", "id: is missing"),
    ('{"id": "a", "idd": 1}', "idd: is unknown; known are id, at_s, until_s"),
    ('{"id": "a", "pace": "hasty"}', "pace: must be one of eager, patient, got 'hasty'"),
    ('{"id": "a", "side": "up"}', "side: must be one of left, right, got 'up'"),
    ('{"id": "a", "digest": "x"}', "digest: must be hexadecimal, got 'x'"),
    ('{"id": "a", "shares": {"b": 0, "c": 2}}', "shares.c: must be a number from 0 to 1, got 2"),
    ('{"id": "a", "groups": [["b", 1], ["c"]]}', "groups[1]: must be a list of 2, got ['c']"),
    ('{"id": "a", "groups": [["b", 1.5]]}', "groups[0][1]: must be a whole number, got 1.5"),
    ('{"id": "a", "size": {"width": 0}}', "size.width: must be a whole number of at least 1"),
    ('{"id": "a", "size": {}}', "size.width: is missing"),
    ('{"id": "a", "size": 3}', "size: must be an object, got 3"),
    ('{"id": "a", "at_s": 2, "until_s": 1}', "until_s: is before at_s; give a later time"),
    ('{"id": "a", "at_s": NaN}', "at_s: must be a finite number, got nan"),
    ('{"id": "a", "at_s": 1e999}', "at_s: must be a finite number, got inf"),
    ('{"id": "a", "id": "b"}', "cannot be read as JSON (the key 'id' stands twice in one object)"),
    ("{", "cannot be read as JSON (Expecting property name"),
    ("[1]", "must be an object, got [1]"),
    ("", "cannot be read as JSON (Expecting value"),
    ("[" * 100_000, "cannot be read as JSON (it is nested too deeply)"),
    ('{"id": "a", "at_s": ' + "9" * 5000 + "}", "cannot be read as JSON"),
]


@pytest.mark.parametrize(("content", "complaint"), COMPLAINTS)
def test_a_mistake_is_one_line(content: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(RecordError) as caught:
        read_json(path, Record)
    assert str(caught.value).startswith(f"{path}: {complaint}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 250


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"id": "a", "at_s": 1, "size": {"width": 2}, "pace": "patient"}')
    assert read_json(path, Record) == Record(id="a", at_s=1.0, size=Size(2), pace=Pace.PATIENT)


def test_toml_speaks_of_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    for content, complaint in (
        ('id = "a"\nsize = 3', "size: must be a table, got 3"),
        ('id = "a"\nat_s = inf', "at_s: must be a finite number, got inf"),
        ("id = 2026-01-02", "id: must be a text that is not empty, got datetime.date(2026, 1, 2)"),
        ('id = "a"\nid = "b"', "cannot be read as TOML (Cannot overwrite a value"),
        ("id = " + "[" * 100_000, "cannot be read as TOML (it is nested too deeply)"),
    ):
        path.write_text(content)
        with pytest.raises(RecordError) as caught:
            read_toml(path, Record)
        assert str(caught.value).startswith(f"{path}: {complaint}")


def test_lines_are_named_and_blank_ones_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes('{"width": 1, "name": "\u2028"}\r\n\n{"width": 2}\n{"width": 0}'.encode())
    found = read_jsonl(path, Size)
    assert [next(found), next(found)] == [(1, Size(1, "\u2028")), (3, Size(2))]
    with pytest.raises(RecordError, match=r"a\.jsonl:4: width: must be a whole number of at"):
        next(found)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong"
    path.write_bytes(b'{"id": "\xff"}')
    for place, complaint in (
        (tmp_path, "cannot be read (Is a directory)" if os.name != "nt" else "cannot be read"),
        (tmp_path / "none", "is missing"),
        (tmp_path / "a\0b", "cannot be read (embedded null byte)"),
        (path, "cannot be read as JSON (it is not UTF-8 text)"),
    ):
        with pytest.raises(RecordError) as caught:
            read_json(place, Record)
        assert complaint in str(caught.value)


def test_the_caller_chooses_error_and_remedy(tmp_path: Path) -> None:
    problems: list[Problem] = []

    def error(problem: Problem) -> Exception:
        problems.append(problem)
        return KeyError(str(problem))

    with pytest.raises(KeyError, match=r"id: is missing; restore it"):
        parse_json("{}", Record, error, file=tmp_path / "x", line=7, remedy="restore it")
    assert problems == [Problem(tmp_path / "x", 7, "id", "is missing", "restore it")]
    with pytest.raises(OSError, match=r"^id: is missing$"):
        parse_json(b"{}", Record, OSError)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_KEYS = st.sampled_from(Record.__struct_fields__)


def _require_one_line(problem: Problem) -> Exception:
    assert str(problem).isprintable()
    assert len(str(problem)) < 1000
    return RecordError(problem)


def _record_or_complaint(content: str | bytes) -> None:
    with suppress(RecordError):
        assert parse_json(content, Record, _require_one_line).id


@given(st.dictionaries(_KEYS | st.text(max_size=5), _VALUES))
def test_any_document_is_a_record_or_a_line(document: dict[str, Any]) -> None:
    _record_or_complaint(json.dumps({"id": "a"} | document))


@given(st.binary() | st.text().map(lambda text: text.encode("utf-16")))
def test_any_bytes_are_a_record_or_a_line(content: bytes) -> None:
    _record_or_complaint(content)


@given(
    st.sampled_from([json.dumps({"id": "a", "groups": [["b", 1]], "shares": {"c": 1}})]),
    st.integers(0, 60),
    st.characters(),
)
def test_any_slip_is_a_record_or_a_line(content: str, at: int, slip: str) -> None:
    _record_or_complaint(content[:at] + slip + content[at + 1 :])


@given(st.binary(max_size=200) | st.text("a=[]{}.\"' \n1einfx", max_size=40).map(str.encode))
def test_any_toml_is_a_record_or_a_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    with suppress(RecordError):
        read_toml(path, dict[str, int], _require_one_line)
