"""Files that are whole or absent: atomic writing, and putting a broken file aside.

Knows nothing of what is in them.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Replaces ``path`` as a whole; a reader, or a crash, sees the old file or the new one.

    A symbolic link is followed, so a settings file kept elsewhere stays there. Raises OSError.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            Path(name).chmod(target.stat().st_mode & 0o777)
        Path(name).replace(target)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Makes the rename itself durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_aside(path: Path, now: datetime, companions: tuple[str, ...] = ()) -> Path:
    """Renames ``path`` to ``path.broken-<time>`` and returns the new name; nothing is overwritten.

    Args:
        companions: endings of files that belong to it and move along ("-wal").
    """
    stem = f"{path.name}.broken-{now:%Y%m%d-%H%M%S}"
    aside = path.with_name(stem)
    n_tries = 1
    while aside.exists():
        n_tries += 1
        aside = path.with_name(f"{stem}-{n_tries}")
    path.rename(aside)
    for ending in companions:
        with suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside.with_name(aside.name + ending))
    return aside
