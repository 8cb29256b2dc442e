"""What is to be done: entries from arguments or from a manifest, with names for what they give.

A manifest has one JSON object a line: ``audio`` (a path, relative to the manifest) or, to be
spoken, ``text``; if wanted ``id``, ``voice`` and ``rate``. Other keys are left alone.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from app.messages.errors import BadInputError
from model.files.records import RecordError, parse_json, read_lines

MIN_RATE, MAX_RATE = 0.7, 1.5  # see VoiceChoice
_STEM_CHARACTERS = 50  # at four bytes each; file systems take 255
_HASH_CHARACTERS = 8
_BLOCK = 1 << 20
_REMEDY = "give a JSONL file"
_NOT_IN_NAMES = re.compile(r"[^\w.-]+")


class Task(StrEnum):
    """What is done with an entry."""

    TRANSCRIBE = "transcribe"
    ANSWER = "answer"
    SPEAK = "speak"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or text.

    Attributes:
        audio: the file to hear; None where ``text`` is to be spoken.
        voice: a voice of its own; None for the command's. ``rate`` likewise.
        fault: why it cannot be done at all; "" for a good one.
    """

    id: str
    audio: Path | None = None
    text: str | None = None
    voice: str | None = None
    rate: float | None = None
    fault: str = ""


class _Line(msgspec.Struct, frozen=True):
    id: str | int | None = None
    audio: str | None = None
    text: str | None = None
    voice: str | None = None
    rate: Annotated[float, msgspec.Meta(ge=MIN_RATE, le=MAX_RATE)] | None = None


def of_files(paths: Sequence[str]) -> tuple[Entry, ...]:
    """Return one entry a file, called as it was given; the same file twice is done once."""
    return tuple(Entry(path, Path(path)) for path in dict.fromkeys(paths))


def of_texts(texts: Sequence[str]) -> tuple[Entry, ...]:
    """Return one entry a text, called by its number."""
    width = len(str(len(texts)))
    return tuple(Entry(f"text-{n:0{width}}", text=text) for n, text in enumerate(texts, 1))


def read_manifest(path: Path, task: Task) -> tuple[Entry, ...]:
    """Read all entries; a bad one keeps its place, with the reason.

    Raises:
        BadInputError: the file cannot be read or holds nothing.
    """
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    for number, line in read_lines(path, BadInputError.of_record, remedy=_REMEDY):
        try:
            text = line.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadInputError(f"{path}:{number}", "", "is not UTF-8 text", _REMEDY) from error
        entry = _entry(text, f"line-{number}", path.parent, task)
        if entry.id in seen:
            fault = f"id {entry.id!r} was used in line {seen[entry.id]}"
            entry = Entry(f"{entry.id} (line {number})", fault=fault)
        seen[entry.id] = number
        entries.append(entry)
    if not entries:
        raise BadInputError(path, "", "holds no entry", "give one JSON object a line")
    return tuple(entries)


def _entry(content: str, name: str, folder: Path, task: Task) -> Entry:
    key = "text" if task is Task.SPEAK else "audio"
    try:
        line = parse_json(content, _Line)
    except RecordError as error:
        return Entry(name, fault=str(error))
    given = line.text if task is Task.SPEAK else line.audio
    if line.id is not None and str(line.id):
        name = str(line.id)
    elif task is not Task.SPEAK and given:
        name = given
    if given is None or not given.strip():
        return Entry(name, fault=f"{key}: is missing")
    if task is Task.SPEAK:
        return Entry(name, None, given, line.voice, line.rate)
    return Entry(name, folder / given, None, line.voice, line.rate)


def output_names(entries: Iterable[Entry], ending: str) -> Mapping[str, str]:
    """Return file names by id: its last part, and a hash where two would get the same name.

    The name of an entry does not depend on its place in the list.
    """
    stems = {entry.id: _stem(entry) for entry in entries}
    counts = Counter(stem.casefold() for stem in stems.values())
    return {
        name: f"{stem}{ending}" if counts[stem.casefold()] == 1 else f"{stem}-{_hash(name)}{ending}"
        for name, stem in stems.items()
    }


def _stem(entry: Entry) -> str:
    last = Path(entry.id).stem if entry.audio is not None else entry.id
    stem = _NOT_IN_NAMES.sub("_", last).strip("._-")
    if not stem or len(stem) > _STEM_CHARACTERS:
        return f"{stem[:_STEM_CHARACTERS]}-{_hash(entry.id)}".lstrip("-")
    return stem


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:_HASH_CHARACTERS]


def content_key(task: Task, entry: Entry, settings: Mapping[str, object]) -> str:
    """Return a digest of what goes in and what it is done with: the same key, the same result.

    Raises:
        BadInputError: the recording cannot be read.
    """
    digest = hashlib.sha256()
    own = {"task": task.value, "text": entry.text, **settings}
    digest.update(json.dumps(own, sort_keys=True, ensure_ascii=False).encode())
    if entry.audio is not None:
        try:
            with entry.audio.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    digest.update(block)
        except FileNotFoundError as error:
            raise BadInputError(entry.audio, "", "is not there") from error
        except OSError as error:
            what = f"cannot be read ({error.strerror or error})"
            raise BadInputError(entry.audio, "", what) from error
    return digest.hexdigest()[:32]
