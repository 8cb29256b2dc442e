"""One writer at a time, across processes; the system lets go when the holder dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path


class FileLock:
    """Holds the lock of ``path`` from the start, if nobody else does; never waits."""

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be made."""
        self._path = path
        self._stream = path.open("a+b")
        self._is_held = _try_lock(self._stream.fileno()) and self._is_still_there()
        if not self._is_held:
            self._stream.close()

    @property
    def is_held(self) -> bool:
        return self._is_held

    def release(self) -> None:
        """Takes the file away; a second call does nothing."""
        if not self._is_held:
            return
        self._is_held = False
        if sys.platform == "win32":  # a file that is open cannot be deleted there
            self._stream.close()
            self._path.unlink(missing_ok=True)
        else:
            self._path.unlink(missing_ok=True)
            self._stream.close()

    def _is_still_there(self) -> bool:
        """Whether the holder before took the file away while it was opened here."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._stream.fileno()))
        except FileNotFoundError:
            return False


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
