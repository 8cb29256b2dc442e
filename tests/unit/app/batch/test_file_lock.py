"""One writer at a time."""

from __future__ import annotations

from pathlib import Path

from app.batch.file_lock import FileLock


def test_held_by_one_at_a_time_and_gone_afterwards(tmp_path: Path) -> None:
    first = FileLock(tmp_path / "lock")
    assert first.is_held
    second = FileLock(tmp_path / "lock")
    assert not second.is_held
    second.release()
    assert (tmp_path / "lock").exists()
    first.release()
    first.release()
    assert not list(tmp_path.iterdir())
    third = FileLock(tmp_path / "lock")
    assert third.is_held
    third.release()


def test_what_a_killed_holder_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(b"")
    lock = FileLock(tmp_path / "lock")
    assert lock.is_held
    lock.release()
