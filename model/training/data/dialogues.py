"""Written conversations that speech can be made of.

A JSONL file with {"turns": ["What …?", "It …"]}, or with "messages" as in training data; or a text
of two columns, what the user says and what the answer is, apart by a tab (.tsv, .txt) or a comma
(.csv).
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from model.cascade.language_choice import written_language
from model.files.records import parse_json
from model.training.data.problems import BadSample, DataError, Fault, Place, SkipLog
from model.training.data.samples import JsonlFile, Role, misfit, parse_sample

_ENGLISH = "en"
_JSONL = (".jsonl", ".json")


class _Line(Struct):
    turns: list[str] | None = None
    language: str | None = None


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
        """Return a hash of the words: wherever they stand in a file, it is the same."""
        return hashlib.sha256("\n".join(self.turns).encode()).digest()

    @property
    def lot(self) -> float:
        """Return a number from 0 to 1 that the words draw."""
        return int.from_bytes(self.digest[-8:], "big") / 2.0**64


def read_dialogues(path: Path, skipped: SkipLog) -> list[Dialogue]:
    """Read all that can be read; the rest goes to ``skipped``.

    Raises:
        DataError: the file cannot be read, or holds no conversation at all.
    """
    read = _of_jsonl if path.suffix in _JSONL else _of_columns
    dialogues = list(read(path, skipped))
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
    content = parse_json(line, _Line, misfit)
    if content.turns is not None:
        return _dialogue(place, content.turns, content.language)
    sample = parse_sample(line, place.file.parent)
    spoken = [turn for turn in sample.turns if turn.role is not Role.SYSTEM]
    if [turn.role for turn in spoken] != [Role.USER, Role.ASSISTANT] * (len(spoken) // 2):
        raise BadSample(Fault.WRONG_SHAPE, "user and assistant do not take turns")
    return _dialogue(place, [turn.content for turn in spoken], content.language)


def _of_columns(path: Path, skipped: SkipLog) -> Iterator[Dialogue]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no UTF-8 ({error.reason}); save it as UTF-8") from error
    is_csv = path.suffix == ".csv"
    reader = csv.reader(lines) if is_csv else (line.split("\t") for line in lines)
    for number, row in enumerate(reader, 1):
        # A cell of a .csv may go over several lines; it is known by the last one.
        place = Place(path, reader.line_num if is_csv else number)
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != 2:
            what = f"has {len(row)} columns; two are needed: question and answer"
            skipped.add(place, BadSample(Fault.BROKEN_LINE, what))
            continue
        try:
            yield _dialogue(place, row, None)
        except BadSample as error:
            skipped.add(place, error)


def _dialogue(place: Place, turns: list[str], language: str | None) -> Dialogue:
    if not turns or len(turns) % 2:
        raise BadSample(
            Fault.WRONG_SHAPE, '"turns" must be an even number of texts: user, assistant, …'
        )
    words = [" ".join(text.split()) for text in turns]
    for number, text in enumerate(words, 1):
        if not text:
            raise BadSample(Fault.WRONG_SHAPE, f"turn {number} has no words")
        if "<|" in text:
            raise BadSample(Fault.UNKNOWN, f"turn {number} holds a token; write words only")
    stated = language or written_language(" ".join(words)) or _ENGLISH
    return Dialogue(place, tuple(words), stated)
