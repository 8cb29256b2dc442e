"""What is to be done: entries from arguments or from a manifest, with names for what they give.

A manifest has one JSON object a line: ``audio`` (a path, relative to the manifest) or, to be
spoken, ``text``; if wanted ``id``, ``voice`` and ``rate``. Other keys are left alone. Knows no
model.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from app.messages.errors import BadInputError

MIN_RATE, MAX_RATE = 0.7, 1.5  # see VoiceChoice
_STEM_CHARACTERS = 50  # at four bytes each; file systems take 255
_HASH_CHARACTERS = 8
_BLOCK = 1 << 20
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
        audio: file to hear; None where ``text`` is to be spoken.
        voice: own voice; None for that of the command. Likewise ``rate``.
        fault: why it cannot be done at all; "" for a good one.
    """

    id: str
    audio: Path | None = None
    text: str | None = None
    voice: str | None = None
    rate: float | None = None
    fault: str = ""


def of_files(paths: Sequence[str]) -> tuple[Entry, ...]:
    """One entry a file, called as it was given; the same file twice is done once."""
    return tuple(Entry(path, Path(path)) for path in dict.fromkeys(paths))


def of_texts(texts: Sequence[str]) -> tuple[Entry, ...]:
    """One entry a text, called by its number."""
    width = len(str(len(texts)))
    return tuple(Entry(f"text-{n:0{width}}", text=text) for n, text in enumerate(texts, 1))


def read_manifest(path: Path, task: Task) -> tuple[Entry, ...]:
    """Reads all entries; one that is no good keeps its place, with the reason.

    Raises:
        BadInputError: the file cannot be read or holds nothing.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "is no UTF-8 text"
        raise BadInputError(path, "", f"cannot be read ({what})", "give a JSONL file") from error
    entries: list[Entry] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        entry = _entry(line, f"line-{number}", path.parent, task)
        if entry.id in seen:
            fault = f"id {entry.id!r} was used in line {seen[entry.id]}"
            entry = Entry(f"{entry.id} (line {number})", fault=fault)
        seen[entry.id] = number
        entries.append(entry)
    if not entries:
        raise BadInputError(path, "", "holds no entry", "give one JSON object a line")
    return tuple(entries)


def _entry(line: str, name: str, folder: Path, task: Task) -> Entry:
    try:
        row: object = json.loads(line)
    except ValueError as error:
        return Entry(name, fault=f"is no JSON ({error})")
    if not isinstance(row, dict):
        return Entry(name, fault="is no JSON object")
    fields = cast("dict[str, Any]", row)
    given = fields.get("id")
    key = "text" if task is Task.SPEAK else "audio"
    content = fields.get(key)
    if isinstance(given, str | int) and not isinstance(given, bool) and str(given):
        name = str(given)
    elif key == "audio" and isinstance(content, str) and content:
        name = content
    if not isinstance(content, str) or not content.strip():
        return Entry(name, fault=f'has no "{key}"')
    voice, rate = fields.get("voice"), fields.get("rate")
    if voice is not None and not isinstance(voice, str):
        return Entry(name, fault=f'"voice" is {voice!r}, not the name of a voice')
    if rate is not None and not is_rate(rate):
        return Entry(name, fault=f'"rate" is {rate!r}, not a number in {MIN_RATE}-{MAX_RATE}')
    pace = None if rate is None else float(rate)
    if task is Task.SPEAK:
        return Entry(name, None, content, voice, pace)
    return Entry(name, folder / content, None, voice, pace)


def is_rate(value: object) -> bool:
    """Whether a voice can speak at this rate."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return MIN_RATE <= value <= MAX_RATE


def output_names(entries: Iterable[Entry], ending: str) -> Mapping[str, str]:
    """File names by id: its last part; with a hash of the id where two would get the same one.

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
    """Says whether a result is still that of this entry: what goes in, and what it is done with.

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
