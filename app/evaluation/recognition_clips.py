"""Recordings for the recogniser, by what is said in them: single words, spoken and read sentences.

``words/words.jsonl``, ``manifest.jsonl`` and ``turns_more/labels.jsonl`` of a folder of recordings
are read, as far as they are there, and ``speakers.json``, which puts every person into a split.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from app.messages.errors import BadInputError
from model.files.records import read_json, read_jsonl

WORDS, MANIFEST, TURNS = "words/words.jsonl", "manifest.jsonl", "turns_more/labels.jsonl"
SPEAKERS = "speakers.json"
SPLITS = ("train", "tune", "test")
NOISE = "noise"
NATURAL_PAUSE = "pause_natural"  # spoken freely, in the words of whoever was called
_DIGITS = frozenset(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
)
_GROUPS = {"yesno": "yes_no", "stop": "stop_words", "ack": "acknowledgements"}
_MANIFEST_KINDS = ("digits", "command", "disfluent", "read", "spontaneous")
_NOISE_KINDS = (NOISE, "human_nonspeech")
_CORPORA = {"wuw": "telephone", "s2i": "command", "lstc": "read"}
_MANDARIN = "zh"

Text = Annotated[str, msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class RecognitionClip:
    """A recording and what is said in it.

    Attributes:
        text: its words; "" where nobody speaks.
        language: "en" or "zh".
        person: who speaks; recordings of one person are not independent.
    """

    path: Path
    text: str
    language: str
    kind: str
    person: str


class _Word(msgspec.Struct, frozen=True):
    path: Text
    word: Text
    group: Text
    lang: Text
    speaker: Text
    label_sure: bool = True


class _Recording(msgspec.Struct, frozen=True):
    path: Text
    kind: Text
    id: str = ""
    text: str | None = None
    lang: str | None = None
    speaker: str | None = None
    train_ok: bool = False


class _Turn(msgspec.Struct, frozen=True):
    path: Text
    text: str
    kind: Text
    lang: Text
    speaker: Text
    corpus: str = ""
    is_complete: bool = True


class _Speakers(msgspec.Struct, frozen=True):
    speakers: dict[str, str]


def read_recognition_clips(folder: Path, split: str) -> tuple[RecognitionClip, ...]:
    """Return the clips of the people in ``split``; noises that may be trained on count as tune.

    Raises:
        BadInputError: a file is broken, or there is nothing to hear.
    """
    speakers = read_json(
        folder / SPEAKERS,
        _Speakers,
        BadInputError.of_record,
        remedy="give a folder of recordings with its speakers.json",
    ).speakers
    clips = [*_words(folder), *_recordings(folder), *_turns(folder)]
    noises = [clip for clip in _noises(folder) if (clip.person == "tune") == (split != "test")]
    found = [clip for clip in clips if speakers.get(clip.person) == split]
    if split != "train":
        found += noises
    if not found:
        what = f"holds no recording of split {split}"
        raise BadInputError(folder, "", what, f"give a folder with {WORDS} or {MANIFEST}")
    missing = next((clip.path for clip in found if not clip.path.is_file()), None)
    if missing is not None:
        raise BadInputError(missing, "", "is missing", "fetch the recordings again")
    return tuple(found)


def _words(folder: Path) -> list[RecognitionClip]:
    labels = folder / WORDS
    if not labels.exists():
        return []
    rows = [row for _, row in read_jsonl(labels, _Word, BadInputError.of_record)]
    return [
        RecognitionClip(folder / row.path, row.word, row.lang, _word_kind(row), row.speaker)
        for row in rows
        if row.label_sure
    ]


def _word_kind(row: _Word) -> str:
    if row.lang == _MANDARIN:
        return "mandarin_words"
    return "digits" if row.word in _DIGITS else _GROUPS.get(row.group, "other_words")


def _recordings(folder: Path) -> list[RecognitionClip]:
    return [
        RecognitionClip(
            folder / row.path,
            row.text,
            row.lang or "en",
            "mandarin" if row.lang == _MANDARIN else row.kind,
            row.speaker or "",
        )
        for row in _manifest(folder)
        if row.kind in _MANIFEST_KINDS and row.text
    ]


def _noises(folder: Path) -> list[RecognitionClip]:
    return [
        RecognitionClip(folder / row.path, "", "en", NOISE, "tune" if row.train_ok else "test")
        for row in _manifest(folder)
        if row.kind in _NOISE_KINDS
    ]


def _manifest(folder: Path) -> list[_Recording]:
    labels = folder / MANIFEST
    if not labels.exists():
        return []
    return [row for _, row in read_jsonl(labels, _Recording, BadInputError.of_record)]


def _turns(folder: Path) -> list[RecognitionClip]:
    """Whole turns; of those with inserted pauses the read ones, which have no other pauses."""
    labels = folder / TURNS
    if not labels.exists():
        return []
    clips: list[RecognitionClip] = []
    for _, row in read_jsonl(labels, _Turn, BadInputError.of_record):
        is_mandarin = row.lang == _MANDARIN
        kind = "mandarin" if is_mandarin else _CORPORA.get(row.corpus)
        is_whole = row.is_complete and row.kind != "truncated"
        if kind is None or not is_whole or not row.text:
            continue
        if row.kind == "pause_inserted" and kind in ("telephone", "command"):
            continue
        if kind == "telephone" and row.kind == NATURAL_PAUSE:
            kind = "telephone_pauses"
        clips.append(RecognitionClip(folder / row.path, row.text, row.lang, kind, row.speaker))
    return clips
