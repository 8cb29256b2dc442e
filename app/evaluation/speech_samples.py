"""What a model is evaluated on: a manifest of recordings, sentences or questions.

One JSON object a line: ``audio`` (or ``path``; relative to the manifest), ``text``, ``language``
(or ``lang``), and if wanted ``id``, ``kind`` and, for questions, ``answers``. Other keys are left
alone. Knows no model and no score.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from app.messages.errors import BadInputError

MANIFEST_NAME = "manifest.jsonl"
LANGUAGES = ("en", "zh")
_REMEDY = "correct that line"


class Subject(StrEnum):
    """What is evaluated."""

    ASR = "asr"
    TTS = "tts"
    SQA = "sqa"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line.

    Attributes:
        audio: what is heard; None where ``text`` is spoken first.
        text: reference transcript, sentence to be spoken, or question.
        kind: by which results are grouped besides the language.
        answers: any of them in the reply makes it right.
    """

    id: str
    text: str
    language: str
    kind: str
    audio: Path | None = None
    answers: tuple[str, ...] = ()


def read_samples(place: Path, subject: Subject) -> tuple[Sample, ...]:
    """Reads the samples that ``subject`` can use; lines for other uses are passed over.

    Args:
        place: a manifest, or a folder with ``manifest.jsonl``.

    Raises:
        BadInputError: names the line that is no good, or the file that holds nothing to use.
    """
    manifest = place / MANIFEST_NAME if place.is_dir() else place
    try:
        lines = manifest.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "is no UTF-8 text"
        remedy = "give a JSONL file or a folder with manifest.jsonl"
        raise BadInputError(manifest, "", f"cannot be read ({what})", remedy) from error
    samples = [
        sample
        for number, line in enumerate(lines, 1)
        if line.strip() and (sample := _sample(line, number, manifest, subject)) is not None
    ]
    if not samples:
        wanted = {
            Subject.ASR: "no recording with its text",
            Subject.TTS: "no text",
            Subject.SQA: 'no question with "answers"',
        }
        raise BadInputError(manifest, "", f"holds {wanted[subject]}", "give another manifest")
    _refuse_twins(samples, manifest)
    return tuple(samples)


def _sample(line: str, number: int, manifest: Path, subject: Subject) -> Sample | None:
    where = f"line {number}"
    try:
        row: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInputError(manifest, where, f"is no JSON ({error})", _REMEDY) from None
    if not isinstance(row, dict):
        raise BadInputError(manifest, where, "is no JSON object", _REMEDY)
    fields = cast("Mapping[str, Any]", row)
    text = _text(fields, ("text",), manifest, where)
    audio = _text(fields, ("audio", "path"), manifest, where)
    answers = _answers(fields, manifest, where)
    is_wanted = {
        Subject.ASR: bool(text and audio),
        Subject.TTS: bool(text),
        Subject.SQA: bool(answers and (text or audio)),
    }
    language = _text(fields, ("language", "lang"), manifest, where) or "en"
    if not is_wanted[subject] or language not in LANGUAGES:
        return None
    path = None
    if audio and subject is not Subject.TTS:
        path = manifest.parent / audio
        if not path.is_file():
            what = f"names {audio!r}, which is not there"
            raise BadInputError(manifest, where, what, _REMEDY)
    name = _text(fields, ("id",), manifest, where) or audio or f"line-{number}"
    kind = _text(fields, ("kind",), manifest, where)
    return Sample(name, text, language, kind or "-", path, answers)


def _text(fields: Mapping[str, Any], names: Sequence[str], manifest: Path, where: str) -> str:
    for name in names:
        value = fields.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            raise BadInputError(manifest, f"{where}: {name}", f"is {value!r}, not a text", _REMEDY)
        return value.strip()
    return ""


def _answers(fields: Mapping[str, Any], manifest: Path, where: str) -> tuple[str, ...]:
    value = fields.get("answers")
    if value is None:
        return ()
    answers = cast("list[object]", value) if isinstance(value, list) else []
    texts = tuple(text for text in answers if isinstance(text, str) and text.strip())
    if not texts or len(texts) != len(answers):
        raise BadInputError(manifest, f"{where}: answers", "is no list of texts", _REMEDY)
    return texts


def _refuse_twins(samples: Sequence[Sample], manifest: Path) -> None:
    seen: set[str] = set()
    for sample in samples:
        if sample.id in seen:
            raise BadInputError(manifest, f"id {sample.id!r}", "is used twice", _REMEDY)
        seen.add(sample.id)
