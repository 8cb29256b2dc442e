"""Results of many entries in a JSONL file that a killed run leaves in order.

A line is written when all it speaks of is on the disk. The last line of an id counts.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout

from app.batch.sound_file import OutputError
from app.messages.errors import BadInputError
from model.files.records import RecordError, parse_json
from model.files.whole_file import write_atomically

Row = Mapping[str, Any]

_START = b'{"id": "'  # of every line


class ResultLog:
    """One file, one writer at a time. ``close`` leaves one line an id."""

    def __init__(self, path: Path) -> None:
        """Read what is there, without a last line that was cut.

        Raises:
            BadInputError: it is not such a file, or another run writes to it.
            OutputError: it cannot be written.
        """
        self.path = path
        self._rows: dict[str, Row] = {}
        self._n_lines = 0
        self._stream: TextIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path.with_name(f".{path.name}.lock"), blocking=False)
            self._lock.acquire()
        except Timeout as error:
            raise BadInputError(path, "", "another run writes to it", "wait for it") from error
        except OSError as error:
            raise OutputError(path, error.strerror or str(error)) from error
        try:
            self._read()
        except BaseException:
            self._unlock()
            raise

    def _unlock(self) -> None:
        """Take the lock file away; Windows does so itself when it is released."""
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()
        self._lock.release()

    def done(self, name: str, key: str) -> Row | None:
        """Return the result of entry ``name`` if it went well and its content is still ``key``."""
        row = self._rows.get(name)
        is_done = row is not None and row.get("error") is None and row.get("key") == key
        return row if is_done else None

    def append(self, row: Row) -> None:
        """Add a result; it is on the disk when this returns. Raises OutputError."""
        try:
            if self._stream is None:
                self._stream = self.path.open("a", encoding="utf-8", newline="\n")
            self._stream.write(_line(row))
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise OutputError(self.path, error.strerror or str(error)) from error
        self._rows[row["id"]] = row
        self._n_lines += 1

    def close(self) -> None:
        """Drop lines that later ones replaced. Raises OutputError."""
        try:
            if self._stream is not None:
                self._stream.close()
                self._stream = None
            if self._n_lines > len(self._rows):
                write_atomically(self.path, "".join(map(_line, self._rows.values())))
        except OSError as error:
            raise OutputError(self.path, error.strerror or str(error)) from error
        finally:
            self._unlock()

    def _read(self) -> None:
        """Cut off a last line that has no end: what it spoke of is done again."""
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
            n_whole = content.rfind(b"\n") + 1
            for number, line in enumerate(content[:n_whole].split(b"\n")[:-1], 1):
                row = _row(line)
                if row is None:
                    raise self._not_ours(f"line {number} is")
                self._rows[row["id"]] = row
                self._n_lines += 1
            if n_whole < len(content):
                rest = content[n_whole:]
                if not rest.startswith(_START[: len(rest)]):
                    raise self._not_ours("its last line is")
                os.truncate(self.path, n_whole)
        except OSError as error:
            raise OutputError(self.path, error.strerror or str(error)) from error

    def _not_ours(self, what: str) -> BadInputError:
        """Return the error of a file named by mistake; nothing in it is touched."""
        return BadInputError(
            self.path, "", f"{what} no result of this command", "choose another file"
        )


def _line(row: Row) -> str:
    """Return the row as a line; names that are no valid text become escapes."""
    text = json.dumps(row, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode()


def _row(line: bytes) -> Row | None:
    try:
        fields = parse_json(line, dict[str, Any])
    except RecordError:
        return None
    is_ours = isinstance(fields.get("id"), str) and "key" in fields and "error" in fields
    return fields if is_ours else None
