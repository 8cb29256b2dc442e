"""Writing files that are whole or absent, and putting a broken file aside.

``write_atomically`` takes the content; ``replacing`` lends a path beside the target to whatever
writes a file on its own::

    with replacing(path) as partial:
        save_file(tensors, partial)
"""

import glob
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

PRIVATE, SHARED = 0o600, 0o666  # permissions of a new file; the umask narrows them


def write_atomically(path: Path, content: str | bytes, *, mode: int = PRIVATE) -> None:
    """Replace ``path`` as a whole; see ``replacing``. Text is written as UTF-8."""
    with replacing(path, mode=mode) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path, *, mode: int = SHARED) -> Generator[Path]:
    """Lend an empty file that takes the place of ``path`` when the block ends without an error.

    A reader, or a crash, sees the old file or the new one. The lent file is in the folder of
    ``path``, which is made where it is missing, and its name ends with ".new": writers that go by
    the ending need to be told the format. A symbolic link is followed, so a file that is kept
    elsewhere stays there. Raises OSError.

    Args:
        mode: permissions of a new file; those of an existing one stay.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{_stem(target.name)}{secrets.token_hex(4)}.new")
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        yield partial
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        if target.exists():
            partial.chmod(target.stat().st_mode & 0o777)
        os.replace(partial, target)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(target.parent)


def _stem(name: str) -> str:
    return f".{name[:40]}."


def remove_unfinished(folder: Path, name: str = "") -> None:
    """Delete what killed processes left of ``name``, or of any file, in ``folder``."""
    for leftover in folder.glob(f"{glob.escape(_stem(name)) if name else '.*.'}*.new"):
        leftover.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_aside(path: Path, now: datetime, companions: tuple[str, ...] = ()) -> Path:
    """Rename ``path`` to ``path.broken-<time>`` and return the new name; nothing is overwritten.

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
