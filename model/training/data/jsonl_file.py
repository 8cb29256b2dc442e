"""A file of JSON lines that is read in any order: only where its lines begin is kept in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.training.data.problems import BadSample, DataError, Fault, Place


class JsonlFile:
    """The lines of a file that are not blank. Threads may read one at the same time."""

    def __init__(self, path: Path) -> None:
        """Find the lines. Raises DataError where the file cannot be read or has none."""
        self.path = path
        begins: list[int] = []
        numbers: list[int] = []
        at = 0
        try:
            with path.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        begins.append(at)
                        numbers.append(number)
                    at += len(line)
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        if not begins:
            raise DataError(f"{path}: is empty; give a file with one JSON object a line")
        self._begins = np.array(begins, np.int64)
        self._numbers = np.array(numbers, np.int64)
        self.n_bytes = at

    def __len__(self) -> int:
        return len(self._begins)

    def place(self, index: int) -> Place:
        """Return where a line stands."""
        return Place(self.path, int(self._numbers[index]))

    def line(self, index: int) -> str:
        """Read a line. Raises BadSample where it is no UTF-8, DataError where the file is gone."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(int(self._begins[index]))
                return stream.readline().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadSample(Fault.BROKEN_LINE, f"is no UTF-8 ({error.reason})") from error
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror or error}") from error
