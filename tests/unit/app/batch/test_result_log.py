"""Results in a file that any kill leaves in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.batch.result_log import ResultLog
from app.batch.sound_file import OutputError
from app.messages.errors import BadInputError


def row(name: str, key: str = "k", error: str | None = None, text: str = "") -> dict[str, Any]:
    return {"id": name, "text": text, "key": key, "error": error}


def lines(path: Path) -> list[dict[str, Any]]:
    content = path.read_text(encoding="utf-8")
    assert content.endswith("\n")
    return [json.loads(line) for line in content.split("\n")[:-1]]


def test_what_was_done_is_known_to_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.jsonl"
    log = ResultLog(path)
    log.append(row("a", text="早上好 \u2028"))
    log.append(row("b", error="broken"))
    assert len(lines(path)) == 2  # on the disk before the end
    log.close()
    again = ResultLog(path)
    assert again.done("a", "k") == row("a", text="早上好 \u2028")
    assert again.done("a", "other content") is None
    assert again.done("b", "k") is None
    assert again.done("c", "k") is None
    again.close()
    assert [file.name for file in path.parent.iterdir()] == ["out.jsonl"]


def test_one_line_an_id_is_left_in_the_order_of_the_first(tmp_path: Path) -> None:
    log = ResultLog(tmp_path / "out.jsonl")
    for one in (row("a", error="broken"), row("b"), row("a", text="now")):
        log.append(one)
    log.close()
    assert lines(tmp_path / "out.jsonl") == [row("a", text="now"), row("b")]


def test_names_that_are_no_text_survive(tmp_path: Path) -> None:
    name = b"caf\xe9.wav".decode("utf-8", "surrogateescape")
    log = ResultLog(tmp_path / "out.jsonl")
    log.append(row(name))
    log.append(row(name))
    log.close()
    again = ResultLog(tmp_path / "out.jsonl")
    assert again.done(name, "k")
    again.close()


@given(n_lines=st.integers(0, 4), n_bytes=st.integers(0, 200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_last_line_that_was_cut_anywhere_is_dropped(
    tmp_path: Path, n_lines: int, n_bytes: int
) -> None:
    path = tmp_path / "out.jsonl"
    whole = [json.dumps(row(str(n), text="ü中"), ensure_ascii=False) + "\n" for n in range(5)]
    cut = whole[n_lines].encode()[: min(n_bytes, len(whole[n_lines].encode()) - 1)]
    path.write_bytes("".join(whole[:n_lines]).encode() + cut)
    log = ResultLog(path)
    assert [n for n in range(5) if log.done(str(n), "k")] == list(range(n_lines))
    log.append(row("new"))
    log.close()
    assert [one["id"] for one in lines(path)] == [*map(str, range(n_lines)), "new"]


FOREIGN = (
    b"shopping list\nmilk\n",
    b"shopping list",
    b'{"audio": "a.wav"}\n',
    b'{"audio": "a.wav"}',
    b'{"id": "a", "text": "", "key": "k", "error": null}\nmilk',
    b"RIFF\x00\xff\n",
)


@pytest.mark.parametrize("content", FOREIGN)
def test_a_file_of_something_else_is_refused_and_not_touched(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="no result of this command"):
        ResultLog(path)
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def test_two_runs_do_not_write_to_one_file(tmp_path: Path) -> None:
    first = ResultLog(tmp_path / "out.jsonl")
    with pytest.raises(BadInputError, match="another run"):
        ResultLog(tmp_path / "out.jsonl")
    first.append(row("a"))
    first.close()
    ResultLog(tmp_path / "out.jsonl").close()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"out\.jsonl: cannot be written"):
        ResultLog(tmp_path / "file" / "out.jsonl")
