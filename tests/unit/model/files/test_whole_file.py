"""Files are whole or absent, and nothing is overwritten on the way."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from model.files.whole_file import (
    SHARED,
    put_aside,
    remove_unfinished,
    replacing,
    write_atomically,
)

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_atomically(path, "grüße\n")
    assert path.read_bytes() == "grüße\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_content_and_no_debris(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="links and modes are those of Unix")
def test_links_and_modes_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_companions_move_along(tmp_path: Path) -> None:
    path = tmp_path / "db"
    for name in ("db", "db-wal"):
        (tmp_path / name).write_text(name)
    aside = put_aside(path, NOON, ("-wal", "-shm"))
    assert {item.name for item in tmp_path.iterdir()} == {aside.name, f"{aside.name}-wal"}


def test_a_writer_of_its_own_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sound.bin"
    with replacing(path) as partial:
        partial.write_bytes(b"one")
        assert not path.exists()
    with pytest.raises(FileNotFoundError), replacing(path) as partial:
        partial.write_bytes((tmp_path / "none").read_bytes())
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="modes are those of Unix")
def test_content_is_private_unless_asked(tmp_path: Path) -> None:
    write_atomically(tmp_path / "mine", b"")
    write_atomically(tmp_path / "ours", b"", mode=SHARED)
    assert (tmp_path / "mine").stat().st_mode & 0o077 == 0
    assert (tmp_path / "ours").stat().st_mode & 0o400


def test_what_a_killed_process_left_can_be_removed(tmp_path: Path) -> None:
    for name in (".a.0123.new", ".b.0123.new", "a", "c.new"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path, "a")
    assert {path.name for path in tmp_path.iterdir()} == {".b.0123.new", "a", "c.new"}
    remove_unfinished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "c.new"}
    remove_unfinished(tmp_path / "none")
