"""What a model is evaluated on: a manifest of recordings, sentences or questions.

One JSON object a line: ``audio`` (or ``path``; relative to the manifest), ``text``, ``language``
(or ``lang``), and if wanted ``id``, ``kind`` and, for questions, ``answers``. Other keys are left
alone.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from app.messages.errors import BadInputError
from model.files.records import read_jsonl

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
    """A recording, a sentence or a question.

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


_Answer = Annotated[str, msgspec.Meta(pattern=r"\S", description="a text that is not empty")]
_Answers = Annotated[tuple[_Answer, ...], msgspec.Meta(min_length=1)]


class _Line(msgspec.Struct, frozen=True):
    text: str | None = None
    audio: str | None = None
    path: str | None = None
    language: str | None = None
    lang: str | None = None
    id: str | None = None
    kind: str | None = None
    answers: _Answers | None = None


def read_samples(place: Path, subject: Subject) -> tuple[Sample, ...]:
    """Return the samples that ``subject`` can use; lines for other uses are passed over.

    Args:
        place: a manifest, or a folder with ``manifest.jsonl``.

    Raises:
        BadInputError: names the line that is no good, or the file that holds nothing to use.
    """
    manifest = place / MANIFEST_NAME if place.is_dir() else place
    if not manifest.exists():
        remedy = "give a JSONL file or a folder with manifest.jsonl"
        raise BadInputError(manifest, "", "is missing", remedy)
    samples: dict[str, Sample] = {}
    for number, line in read_jsonl(manifest, _Line, BadInputError.of_record, remedy=_REMEDY):
        sample = _sample(line, number, manifest, subject)
        if sample is not None:
            if sample.id in samples:
                raise BadInputError(manifest, f"id {sample.id!r}", "is used twice", _REMEDY)
            samples[sample.id] = sample
    if not samples:
        wanted = {
            Subject.ASR: "no recording with its text",
            Subject.TTS: "no text",
            Subject.SQA: 'no question with "answers"',
        }
        raise BadInputError(manifest, "", f"holds {wanted[subject]}", "give another manifest")
    return tuple(samples.values())


def _sample(line: _Line, number: int, manifest: Path, subject: Subject) -> Sample | None:
    text = (line.text or "").strip()
    audio = (line.audio or line.path or "").strip()
    language = (line.language or line.lang or "en").strip()
    is_wanted = {
        Subject.ASR: bool(text and audio),
        Subject.TTS: bool(text),
        Subject.SQA: bool(line.answers and (text or audio)),
    }
    if not is_wanted[subject] or language not in LANGUAGES:
        return None
    path = None
    if audio and subject is not Subject.TTS:
        path = manifest.parent / audio
        if not path.is_file():
            what = f"names {audio!r}, which is not there"
            raise BadInputError(f"{manifest}:{number}", "", what, _REMEDY)
    name = (line.id or "").strip() or audio or f"line-{number}"
    kind = (line.kind or "").strip() or "-"
    return Sample(name, text, language, kind, path, line.answers or ())
