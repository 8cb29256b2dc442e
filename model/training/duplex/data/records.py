"""JSON of others, read with the place of every mistake. Knows no meaning.

The one error of making training data: something given is wrong, and what to do about it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from model.errors import ModelError


class DataError(ModelError):
    """One line that names the file, the key and the remedy."""


Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Record:
    """An object, with where it came from for messages."""

    where: str
    values: Json

    def text(self, key: str) -> str:
        """Not empty. Raises DataError."""
        value = self.values.get(key)
        if not isinstance(value, str) or not value:
            raise DataError(f'{self.where}: key "{key}" must be a text')
        return value

    def text_or_nothing(self, key: str) -> str:
        """Nothing where it is missing or null. Raises DataError."""
        return self.text(key) if self.values.get(key) else ""

    def seconds(self, key: str) -> float:
        """0 or more. Raises DataError."""
        return self._seconds(self.values.get(key), key)

    def seconds_or_none(self, key: str) -> float | None:
        """None where it is missing or null. Raises DataError."""
        return None if self.values.get(key) is None else self.seconds(key)

    def objects(self, key: str) -> Iterator[Record]:
        """A list of objects. Raises DataError."""
        for i, child in enumerate(self._list(key)):
            if not isinstance(child, dict):
                raise DataError(f"{self.where}: {key}[{i}] must be an object")
            yield Record(f"{self.where}, {key}[{i}]", cast(Json, child))

    def spans(self, key: str) -> tuple[tuple[float, float], ...]:
        """A list of [start, end] in seconds. Raises DataError."""
        found: list[tuple[float, float]] = []
        for pair in self._list(key):
            ends = cast("list[object]", pair) if isinstance(pair, list) else []
            if len(ends) != 2:
                raise DataError(f'{self.where}: key "{key}" must be a list of [start, end]')
            found.append((self._seconds(ends[0], key), self._seconds(ends[1], key)))
        return tuple(found)

    def child(self, key: str) -> Record | None:
        """None where it is missing or null. Raises DataError."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise DataError(f'{self.where}: key "{key}" must be an object')
        return Record(f"{self.where}, {key}", cast(Json, value))

    def _list(self, key: str) -> list[object]:
        value = self.values.get(key)
        if not isinstance(value, list):
            raise DataError(f'{self.where}: key "{key}" must be a list')
        return cast("list[object]", value)

    def _seconds(self, value: object, key: str) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not 0.0 <= float(cast(float, value)) < float("inf"):
            raise DataError(f'{self.where}: key "{key}" must be a time in seconds, 0 or more')
        return float(cast(float, value))


def read_record(path: Path) -> Record:
    """A file that is one object. Raises DataError."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not isinstance(value, dict):
        raise DataError(f"{path}: must be an object")
    return Record(str(path), cast(Json, value))


def read_records(path: Path) -> Iterator[Record]:
    """A file with an object on every line. Raises DataError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON ({error})") from error
        if not isinstance(value, dict):
            raise DataError(f"{where}: must be an object")
        yield Record(where, cast(Json, value))
