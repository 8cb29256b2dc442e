"""A file of labels: one JSON object a line, read key by key with the place in every complaint.

Does not know what the labels mean.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from app.errors import BadInputError

Json = Mapping[str, object]


class LabelsError(BadInputError):
    """A labels file or a recording cannot be used; one line names file, key and remedy."""

    def __init__(self, message: str) -> None:
        super().__init__(None, "", message)


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from the start of the file."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Record:
    """One line, with where it came from for error messages."""

    where: str
    values: Json

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not value:
            raise LabelsError(f'{self.where}: key "{key}" must be a text')
        return value

    def text_or(self, key: str, default: str) -> str:
        """``default`` where there is none."""
        value = self.values.get(key)
        return value if isinstance(value, str) else default

    def seconds(self, key: str) -> float:
        return self._seconds(self.values.get(key), key)

    def _seconds(self, value: object, key: str) -> float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not 0.0 <= float(cast(float, value)) < float("inf"):
            raise LabelsError(f'{self.where}: key "{key}" must be a time in seconds, 0 or more')
        return float(cast(float, value))

    def children(self, key: str) -> Iterator[Record]:
        value = self.values.get(key)
        if not isinstance(value, list):
            raise LabelsError(f'{self.where}: key "{key}" must be a list')
        for i, child in enumerate(cast(list[object], value)):
            if not isinstance(child, dict):
                raise LabelsError(f"{self.where}: {key}[{i}] must be an object")
            yield Record(f"{self.where}, {key}[{i}]", cast(Json, child))

    def span(self, first: str, last: str) -> Span:
        span = Span(self.seconds(first), self.seconds(last))
        if span.end_s <= span.start_s:
            raise LabelsError(f'{self.where}: "{last}" must come after "{first}"')
        return span

    def far(self) -> Span | None:
        far = self.values.get("far")
        if far is None:
            return None
        segments = cast(Json, far).get("segments") if isinstance(far, dict) else None
        if not isinstance(segments, list):
            raise LabelsError(f'{self.where}: key "far.segments" must be a list of [start, end]')
        times: list[float] = []
        for segment in cast(list[object], segments):
            if not isinstance(segment, list) or len(cast(list[object], segment)) != 2:
                raise LabelsError(
                    f'{self.where}: key "far.segments" must be a list of [start, end]'
                )
            times.extend(self._seconds(t, "far.segments") for t in cast(list[object], segment))
        return Span(min(times), max(times)) if times else None


def records(labels: Path) -> Iterator[Record]:
    """Every line of ``labels``. Raises LabelsError, also where there is none."""
    try:
        lines = labels.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LabelsError(f"{labels}: cannot read the labels ({error})") from error
    n_records = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{labels}:{number}"
        try:
            values = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise LabelsError(f"{where}: not JSON ({error})") from error
        if not isinstance(values, dict):
            raise LabelsError(f"{where}: must be an object")
        n_records += 1
        yield Record(where, cast(Json, values))
    if not n_records:
        raise LabelsError(f"{labels}: no labels in it")
