"""Written conversations that speech can be made of.

A JSONL file with {"turns": ["What …?", "It …"]}, or with "messages" as in training data; or a text
of two columns, what the user says and what the answer is, apart by a tab (.tsv, .txt) or a comma
(.csv). Knows no voice.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from model.cascade.language_choice import written_language
from model.training.data.jsonl_file import JsonlFile
from model.training.data.problems import BadSample, DataError, Fault, Place, SkipLog
from model.training.data.samples import TAG, Role, parse_sample

_ENGLISH = "en"
_JSONL = (".jsonl", ".json")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """User and assistant in turns; the user begins.

    Attributes:
        turns: an even number of texts.
        language: as stated, else by the letters.
    """

    place: Place
    turns: tuple[str, ...]
    language: str = _ENGLISH

    @property
    def digest(self) -> bytes:
        """Of the words: wherever they stand in a file, it is the same."""
        return hashlib.sha256("\n".join(self.turns).encode()).digest()

    @property
    def lot(self) -> float:
        """From 0 to 1, drawn by the words."""
        return int.from_bytes(self.digest[-8:], "big") / 2.0**64

    @property
    def exchanges(self) -> tuple[tuple[str, str], ...]:
        """What was asked, and what was answered."""
        return tuple(zip(self.turns[::2], self.turns[1::2], strict=True))


def read_dialogues(path: Path, skipped: SkipLog) -> list[Dialogue]:
    """Reads all that can be read; the rest goes to ``skipped``.

    Raises:
        DataError: the file cannot be read, or holds no conversation at all.
    """
    if path.suffix in _JSONL:
        dialogues = list(_of_jsonl(path, skipped))
    else:
        dialogues = list(_of_columns(path, skipped))
    if not dialogues:
        raise DataError(f"{path}: holds no conversation: {skipped.summary()}")
    return dialogues


def _of_jsonl(path: Path, skipped: SkipLog) -> Iterator[Dialogue]:
    file = JsonlFile(path)
    for index in range(len(file)):
        try:
            yield _of_line(file.line(index), file.place(index))
        except BadSample as error:
            skipped.add(file.place(index), error)


def _of_line(line: str, place: Place) -> Dialogue:
    try:
        content: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadSample(Fault.BROKEN_LINE, f"is no JSON ({error})") from error
    fields = cast(dict[str, Any], content) if isinstance(content, dict) else {}
    language = fields.get("language")
    stated = language if isinstance(language, str) else ""
    if "turns" in fields:
        return _dialogue(place, fields["turns"], stated)
    sample = parse_sample(line, place.file.parent)
    spoken = [turn for turn in sample.turns if turn.role is not Role.SYSTEM]
    wanted = [Role.USER, Role.ASSISTANT] * (len(spoken) // 2)
    if [turn.role for turn in spoken] != wanted:
        raise BadSample(Fault.WRONG_SHAPE, "user and assistant do not take turns")
    return _dialogue(place, [turn.content for turn in spoken], stated)


def _of_columns(path: Path, skipped: SkipLog) -> Iterator[Dialogue]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no UTF-8 ({error.reason}); save it as UTF-8") from error
    for number, row in _rows(text.splitlines(), is_csv=path.suffix == ".csv"):
        if any(cell.strip() for cell in row):
            try:
                yield _dialogue(Place(path, number), _pair(row), "")
            except BadSample as error:
                skipped.add(Place(path, number), error)


def _rows(lines: list[str], *, is_csv: bool) -> Iterator[tuple[int, list[str]]]:
    """Columns, with the number of the line on which they end."""
    if is_csv:
        reader = csv.reader(lines)
        for row in reader:
            yield reader.line_num, row
    else:
        for number, line in enumerate(lines, 1):
            yield number, line.split("\t")


def _pair(row: list[str]) -> list[str]:
    if len(row) != 2:
        what = f"has {len(row)} columns; two are needed: question and answer"
        raise BadSample(Fault.BROKEN_LINE, what)
    return row


def _dialogue(place: Place, turns: object, language: str) -> Dialogue:
    texts = cast(list[object], turns) if isinstance(turns, list) else []
    if not texts or len(texts) % 2:
        raise BadSample(
            Fault.WRONG_SHAPE, '"turns" must be an even number of texts: user, assistant, …'
        )
    words: list[str] = []
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str) or not text.strip():
            raise BadSample(Fault.WRONG_SHAPE, f"turn {number} has no words")
        if TAG in text or "<|" in text:
            raise BadSample(Fault.UNKNOWN, f"turn {number} holds a token; write words only")
        words.append(" ".join(text.split()))
    stated = language or written_language(" ".join(words)) or _ENGLISH
    return Dialogue(place, tuple(words), stated)
