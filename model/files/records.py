"""Reading JSON, JSON lines and TOML as typed records, with one clear line for every mistake.

A record is a ``msgspec.Struct`` or a dataclass (``forbid_unknown_fields=True`` refuses unknown
keys, ``Annotated[float, msgspec.Meta(ge=0.0)]`` gives a range, ``description=`` names in words what
is expected). Rules between keys stand in ``__post_init__``, which raises ``Misfit``.
"""

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from model.files.misfits import Misfit, entries, explained, joined, one_line, shown

__all__ = [
    "ErrorType", "Misfit", "Problem", "RecordError", "as_record", "one_line", "parse_json",
    "read_json", "read_jsonl", "read_lines", "read_toml",
]  # fmt: skip

T = TypeVar("T")

MOST_BYTES = 512 << 20  # of a file or of one line; a device file would never end
_TOO_LONG = f"is longer than {MOST_BYTES >> 20} MiB"
_MAY_BE_INFINITE = re.compile(r"NaN|Infinity|[eE]\+?\d{3}|\d{309}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a file; ``str`` of it is one line.

    Attributes:
        file: None where the content did not come from a file.
        line: counts from 1; 0 for the file as a whole.
        key: path of the entry, e.g. "user[2].wav"; "" for the file or line as a whole.
        what: what is wrong, with the value.
        remedy: what to do; "" where ``what`` says it.
    """

    file: Path | None
    line: int
    key: str
    what: str
    remedy: str = ""

    @property
    def place(self) -> str:
        """The file with its line, e.g. "labels.jsonl:7"; "" without a file."""
        file = "" if self.file is None else str(self.file)
        return f"{file}:{self.line}" if self.line and file else file

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.place, self.key, self.what) if part)
        return one_line(f"{text}; {self.remedy}" if self.remedy else text)


class RecordError(ValueError):
    """The error of callers that have none of their own."""


ErrorType = Callable[[Problem], Exception]
"""Makes the exception that is raised: a plain exception class, or a function of a Problem."""


def read_json(path: Path, kind: type[T], error: ErrorType = RecordError, *, remedy: str = "") -> T:
    """Return the file's content as a ``kind``. Raises ``error``, also for a file that is missing.

    Args:
        remedy: what to do about a bad file; the end of every message.
    """
    source = _Source(error, remedy, path)
    return source.record(source.json(source.content()), kind)


def read_toml(path: Path, kind: type[T], error: ErrorType = RecordError, *, remedy: str = "") -> T:
    """Return the file's content as a ``kind``; see ``read_json``."""
    source = _Source(error, remedy, path, mapping="a table")
    return source.record(source.toml(source.content()), kind)


def read_jsonl(
    path: Path, kind: type[T], error: ErrorType = RecordError, *, remedy: str = ""
) -> Iterator[tuple[int, T]]:
    """Yield number (from 1) and content of every line that is not blank; see ``read_json``."""
    for number, line in read_lines(path, error, remedy=remedy):
        yield number, parse_json(line, kind, error, file=path, line=number, remedy=remedy)


def read_lines(
    path: Path, error: ErrorType = RecordError, *, remedy: str = ""
) -> Iterator[tuple[int, bytes]]:
    """Yield number (from 1) and bytes of every line that is not blank. Raises ``error``."""
    with _Source(error, remedy, path).opened() as stream:
        for number in count(1):
            line = _Source(error, remedy, path, number).bytes_of(stream.readline)
            if not line:
                return
            if line.strip():
                yield number, line.rstrip(b"\r\n")


def parse_json(
    content: str | bytes,
    kind: type[T],
    error: ErrorType = RecordError,
    *,
    file: Path | None = None,
    line: int = 0,
    remedy: str = "",
) -> T:
    """Return one JSON text as a ``kind``; ``file`` and ``line`` name it in errors."""
    source = _Source(error, remedy, file, line)
    return source.record(source.json(content), kind)


def as_record(
    document: object,
    kind: type[T],
    error: ErrorType = RecordError,
    *,
    file: Path | None = None,
    remedy: str = "",
) -> T:
    """Return a parsed TOML or JSON ``document`` as a ``kind``."""
    return _Source(error, remedy, file, mapping="a table").record(document, kind)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where content comes from, and how its mistakes are raised."""

    raised: ErrorType
    remedy: str
    file: Path | None = None
    line: int = 0
    mapping: str = "an object"

    def error(self, key: str, what: str, remedy: str = "") -> Exception:
        return self.raised(Problem(self.file, self.line, key, what, remedy or self.remedy))

    def unreadable(self, failure: Exception, form: str = "") -> Exception:
        if isinstance(failure, FileNotFoundError):
            return self.error("", "is missing")
        if isinstance(failure, RecursionError):
            reason = "it is nested too deeply"
        elif isinstance(failure, UnicodeDecodeError):
            reason = "it is not UTF-8 text"
        else:
            reason = getattr(failure, "strerror", None) or str(failure)
        return self.error("", f"cannot be read{form} ({reason})")

    def opened(self) -> IO[bytes]:
        assert self.file is not None
        try:
            return self.file.open("rb")
        except (OSError, ValueError) as failure:
            raise self.unreadable(failure) from failure

    def content(self) -> bytes:
        with self.opened() as stream:
            return self.bytes_of(stream.read)

    def bytes_of(self, read: Callable[[int], bytes]) -> bytes:
        try:
            content = read(MOST_BYTES + 1)
        except OSError as failure:
            raise self.unreadable(failure) from failure
        if len(content) > MOST_BYTES:
            raise self.error("", _TOO_LONG)
        return content

    def json(self, content: str | bytes) -> object:
        try:
            text = _text(content)
            value = _JSON.decode(text)
        except (ValueError, RecursionError) as failure:
            raise self.unreadable(failure, " as JSON") from failure
        if _MAY_BE_INFINITE.search(text):
            self.require_finite(value)
        return value

    def toml(self, content: bytes) -> object:
        try:
            value = tomllib.loads(_text(content))
        except (ValueError, RecursionError) as failure:
            raise self.unreadable(failure, " as TOML") from failure
        self.require_finite(value)
        return value

    def require_finite(self, document: object) -> None:
        found = [("", document)]
        while found:
            key, value = found.pop()
            if isinstance(value, float) and not math.isfinite(value):
                raise self.error(key, f"must be a finite number, got {value}")
            found += [(joined(key, name), child) for name, child in entries(value)]

    def record(self, value: object, kind: type[T]) -> T:
        try:
            return msgspec.convert(value, kind, str_keys=True)
        except (msgspec.ValidationError, OverflowError) as failure:
            key, what, remedy = explained(value, kind, failure, self.mapping)
            raise self.error(key, what, remedy) from failure


def _text(content: str | bytes) -> str:
    return content.decode("utf-8-sig") if isinstance(content, bytes) else content


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {shown(name)} stands twice in one object")
        found[name] = value
    return found


_JSON = json.JSONDecoder(object_pairs_hook=_unique)
