"""Recordings of people for the spotter: single words, and longer speech that is none of them.

A person's split is that of ``speakers.json``; who has none there is left out.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.labels import LabelsError, read_channels
from model.duplex.spotter.vocabulary import CLASSES, OTHER_SPEECH
from model.files.records import read_json, read_jsonl

TRAIN, TUNE, TEST = "train", "tune", "test"

SPEAKERS, WORDS, TURNS, MANIFEST = (
    "speakers.json", "words/words.jsonl", "turns_more/labels.jsonl", "manifest.jsonl",
)  # fmt: skip
_RESTORE = "restore the recordings"
_SAME_CLASS = {
    "mm": "mm-hm", "mm-hmm": "mm-hm", "hmm": "mm-hm", "yeah yeah yeah": "yeah", "对了": "对",
    "好": "好的", "是": "是的", "停止": "停下", "等": "等一下", "wait a second": "wait",
    "wait just a second": "wait",
}  # fmt: skip
_SENTENCE_KINDS = ("read", "read_noref", "command", "wakeword", "eot_sample", "speech_public")
_MARGIN_S = 0.03  # kept around the labelled word
_NAMES = {one.name for one in CLASSES}


class _Word(msgspec.Struct, frozen=True):
    path: str
    word: str
    group: str
    lang: str
    speaker: str
    speech: tuple[float, float]
    licence: str
    train_ok: bool
    label_sure: bool = True


class _Sentence(msgspec.Struct, frozen=True):
    path: str
    kind: str = ""
    lang: str | None = None
    speaker: str | None = None
    licence: str = ""
    train_ok: bool | None = None


class _Speakers(msgspec.Struct, frozen=True):
    speakers: dict[str, str]
    far_voices: tuple[str, ...] = ()
    maybe_same_person_as_test: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedSpeech:
    """One recording of one person.

    Attributes:
        name: the class of the spotter; ``OTHER_SPEECH`` for what is none of its words.
        word: what was said, where it is one word.
        group: of the word, as the recordings call it ("stop", "ack", "yesno", ...).
        train_ok: whether its licence lets weights be made of it.
        speech: begin and end of the voice in seconds; None: not known.
    """

    name: str
    word: str
    group: str
    language: str
    path: Path
    speaker: str
    licence: str
    train_ok: bool
    speech: tuple[float, float] | None = None

    def samples(self) -> Samples:
        """Return what was said with 30 ms around it, (n,) at 16 kHz. Raises LabelsError."""
        samples = read_channels(self.path, 1)[0]
        if self.speech is None:
            return samples
        begin_s, end_s = max(0.0, self.speech[0] - _MARGIN_S), self.speech[1] + _MARGIN_S
        return samples[round(begin_s * ENGINE_RATE_HZ) : round(end_s * ENGINE_RATE_HZ)]


class _Splits:
    def __init__(self, folder: Path) -> None:
        found = read_json(folder / SPEAKERS, _Speakers, LabelsError, remedy=_RESTORE)
        self._splits = dict(found.speakers)
        # Who is heard as the assistant, or may be somebody of the test set, is nobody's user.
        for name in (*found.far_voices, *found.maybe_same_person_as_test):
            self._splits.pop(name, None)

    def of(self, speakers: str | None) -> str | None:
        """Return the split that all of these persons are in; None where they are in several."""
        found = {self._splits.get(name) for name in (speakers or "").split(",")}
        return found.pop() if len(found) == 1 else None


def recorded_words(folder: Path, split: str) -> tuple[RecordedSpeech, ...]:
    """Return the single words by people of ``split`` whose label is sure. Raises LabelsError."""
    splits = _Splits(folder)
    return tuple(
        RecordedSpeech(
            class_of(row.word),
            row.word,
            row.group,
            row.lang,
            folder / row.path,
            row.speaker,
            row.licence,
            row.train_ok,
            row.speech,
        )
        for _, row in read_jsonl(folder / WORDS, _Word, LabelsError, remedy=_RESTORE)
        if row.label_sure and splits.of(row.speaker) == split
    )


def recorded_sentences(folder: Path, split: str) -> tuple[RecordedSpeech, ...]:
    """Return longer speech by people of ``split``. Raises LabelsError."""
    splits = _Splits(folder)
    return tuple(
        RecordedSpeech(
            OTHER_SPEECH,
            "",
            "",
            row.lang or "en",
            folder / row.path,
            row.speaker or "",
            row.licence,
            row.train_ok is True,
        )
        for labels in (MANIFEST, TURNS)
        for _, row in read_jsonl(folder / labels, _Sentence, LabelsError, remedy=_RESTORE)
        if (labels == TURNS or row.kind in _SENTENCE_KINDS) and splits.of(row.speaker) == split
    )


def class_of(word: str) -> str:
    """Return the class of a word; ``OTHER_SPEECH`` for any that has none."""
    name = _SAME_CLASS.get(word, word)
    return name if name in _NAMES else OTHER_SPEECH
