"""Files that are whole or absent, whoever else writes the same one at the same time."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from model.training.data.problems import DataError


@contextmanager
def writing_whole(path: Path, what: str) -> Generator[Path]:
    """Gives a temporary path in the folder of ``path``, which it becomes after the block.

    Args:
        what: is being written, for the message.

    Raises:
        DataError: it cannot be written; ``path`` is then what it was before.
    """
    # One writer is one thread of one process: no other writes to this name.
    name = f".{path.stem}.{os.getpid()}-{threading.get_ident()}.part{path.suffix}"
    part = path.with_name(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("r+b") as stream:
            os.fsync(stream.fileno())
        os.replace(part, path)
    except OSError as error:
        raise DataError(
            f"{path}: {what} cannot be written ({error.strerror or error}); make room, or choose "
            "another folder"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()


def write_text(path: Path, text: str, what: str) -> None:
    """Raises DataError where it cannot be written."""
    with writing_whole(path, what) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
