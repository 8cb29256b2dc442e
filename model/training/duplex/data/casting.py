"""Who says what in a scene of one split: synthetic speakers, and real ones where they fit.

Gives utterances and texts; does not know when they are said nor how they are labelled.

What the slow voices are asked to say, once for all scenes; the sound itself is in the cache.

The list is the same whatever the scenes' seed is, so that another seed finds the cache full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

import numpy as np

from model.training.duplex.data.recordings import READ_SPEECH, SHORT_SPEECH, Recording, Recordings
from model.training.duplex.data.speakers import Speaker, fast_speakers
from model.training.duplex.data.turn_texts import TurnText, turn_text
from model.training.duplex.data.utterance import (
    Utterance,
    joined,
    part,
    quiet_places,
    sounding_span,
    warped,
)
from model.training.duplex.text_head.texts import (
    BACKCHANNELS,
    COMMANDS,
    CONTINUATIONS,
    FILLERS,
    OPENERS,
    QUESTIONS,
    SHORT_TURNS,
    WORDS,
)

_SEED = 20_251_121
TURN = "turn"

_LISTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "backchannel": BACKCHANNELS,
    "command": COMMANDS,
    "word": WORDS,
    "question": QUESTIONS,
    "opener": OPENERS,
    "continuation": CONTINUATIONS,
    "filler": FILLERS,
    "short_turn": SHORT_TURNS,
}
ROLES = (*_LISTS, TURN)

_N_OF_EACH: Mapping[str, Mapping[str, int]] = {
    "en": {
        "backchannel": 6, "command": 5, "word": 2, "question": 3, "opener": 1, "continuation": 1,
        "filler": 2, "short_turn": 2, TURN: 2,
    },
    "zh": {
        "backchannel": 7, "command": 5, "word": 2, "question": 3, "opener": 2, "continuation": 2,
        "filler": 2, "short_turn": 3, TURN: 9,
    },
}  # fmt: skip
_TURN_KINDS = ("plain", "plain", "hesitant", "numbers", "list", "correction", "story")


@dataclass(frozen=True, slots=True)
class BankEntry:
    """One thing one speaker says.

    Attributes:
        role: one of ``ROLES``.
    """

    role: str
    speaker: Speaker
    text: TurnText


def phrases(role: str, language: str) -> tuple[str, ...]:
    """The list behind a role other than ``TURN``."""
    return _LISTS[role][language]


def bank(speakers: Iterable[Speaker], share: float = 1.0) -> tuple[BankEntry, ...]:
    """Every speaker says ``share`` of the common number of things, at least one of each role."""
    return tuple(chain.from_iterable(_said_by(speaker, share) for speaker in speakers))


def _said_by(speaker: Speaker, share: float) -> tuple[BankEntry, ...]:
    rng = np.random.default_rng([_SEED, *speaker.id.encode()])
    entries: list[BankEntry] = []
    for role, n_common in _N_OF_EACH[speaker.language].items():
        n = max(1, round(n_common * share))
        if role == TURN:
            kinds = rng.choice(_TURN_KINDS, n)
            texts = [turn_text(str(kind), speaker.language, rng) for kind in kinds]
        else:
            choices = tuple(dict.fromkeys(phrases(role, speaker.language)))
            chosen = rng.choice(len(choices), min(n, len(choices)), replace=False)
            texts = [TurnText(role, choices[int(i)], speaker.language) for i in chosen]
        entries.extend(BankEntry(role, speaker, text) for text in texts)
    return tuple(entries)


_T = TypeVar("_T")

_P_REAL_SHORT = 0.3  # where a recording can play the role at all
_P_FAST = 0.3  # of short things said in English by the fast voice rather than a slow one
_P_PUBLISHED = 0.6  # of plain turns: sentences that somebody wrote, rather than made-up ones
_RATES = (0.9, 1.0, 1.1)
_WARP_PITCH, _WARP_TEMPO, _WARP_TILT_DB = 0.07, 0.12, 3.0
_READ_PIECE_S = 8.0  # longer readings are cut
_SENTENCE_GAP_S = (0.2, 0.6)
_ASSISTANT = Speaker("heart", "", "en", "", "us", "Apache-2.0 (hibari-tts)")
_FAST_ROLES = ("command", "word", "question", "opener", "continuation", "filler", "short_turn")


class Speech(Protocol):
    """Turns text into utterances; the same arguments give the same samples."""

    def say(self, speaker: Speaker, text: str, rate: float = 1.0) -> Utterance: ...


class SpeakerPool:
    """All speakers of one split."""

    def __init__(
        self,
        speech: Speech,
        recordings: Recordings,
        split: str,
        entries: Sequence[BankEntry],
        sentences: Sequence[str],
    ) -> None:
        """``entries``: what the slow voices say; ``sentences``: written ones, of this split."""
        self._speech = speech
        self._guises = [s for s in fast_speakers() if s.split == split]
        self._entries: dict[tuple[str, str], list[BankEntry]] = {}
        for entry in entries:
            if entry.speaker.split == split:
                key = (entry.role, entry.speaker.language)
                self._entries.setdefault(key, []).append(entry)
        self._short = recordings.of_kind(*SHORT_SPEECH, split=split)
        self._readings = recordings.of_kind(*READ_SPEECH, split=split)
        self._sentences = sentences

    def languages(self) -> tuple[str, ...]:
        """Those that somebody of this cast can speak in every role."""
        return ("en", "zh") if ("command", "zh") in self._entries else ("en",)

    def guise(self, rng: np.random.Generator) -> Speaker:
        """Somebody who can say anything in English."""
        return _pick(rng, self._guises)

    def say(self, speaker: Speaker, text: str, rng: np.random.Generator) -> Utterance:
        """At one of a few rates."""
        rate = float(rng.choice(_RATES)) if speaker.is_fast else 1.0
        return self._speech.say(speaker, text, rate)

    def short(self, role: str, language: str, rng: np.random.Generator) -> Utterance:
        """Something short in ``role`` (see ``bank.ROLES``)."""
        if role in ("command", "word", "question") and rng.random() < _P_REAL_SHORT:
            found = [row for row in self._short if row.language == language]
            if found:
                return self._disguised(_pick(rng, found).utterance(), rng)
        entries = self._entries.get((role, language), [])
        is_fast = language == "en" and role in _FAST_ROLES and rng.random() < _P_FAST
        if is_fast or not entries:
            return self.say(self.guise(rng), _pick(rng, phrases(role, "en")), rng)
        entry = _pick(rng, entries)
        return self._disguised(self._speech.say(entry.speaker, entry.text.plain), rng)

    def burst(self, language: str, rng: np.random.Generator) -> Utterance:
        """One to three acknowledgements by one person."""
        entries = self._entries.get(("backchannel", language), [])
        if not entries:
            texts = [_pick(rng, BACKCHANNELS["en"]) for _ in range(2)]
            speaker = self.guise(rng)
            said = [self.say(speaker, text, rng) for text in texts]
        else:
            speaker = _pick(rng, entries).speaker
            own = [entry for entry in entries if entry.speaker == speaker]
            n = 1 if rng.random() < 0.75 else int(rng.integers(2, 4))
            said = [self._speech.say(speaker, _pick(rng, own).text.plain) for _ in range(n)]
        gaps = [float(rng.uniform(0.08, 0.5)) for _ in said[1:]]
        return self._disguised(joined(said, gaps), rng)

    def acknowledged_demand(
        self, language: str, rng: np.random.Generator
    ) -> tuple[Utterance, Utterance]:
        """An opener and what follows it, by one person."""
        openers = self._entries.get(("opener", language), [])
        if not openers or (language == "en" and rng.random() < _P_FAST):
            speaker = self.guise(rng)
            texts = [_pick(rng, phrases(role, "en")) for role in ("opener", "continuation")]
            said = [self.say(speaker, text, rng) for text in texts]
            return said[0], said[1]
        opener = _pick(rng, openers)
        roles = ("continuation", "question")
        own = [e for role in roles for e in self._entries.get((role, language), [])]
        demand = _pick(rng, [e for e in own if e.speaker == opener.speaker])
        return self._disguised(self.said(opener), rng), self._disguised(self.said(demand), rng)

    def turn(
        self, kind: str, language: str, rng: np.random.Generator
    ) -> tuple[Speaker, TurnText, bool]:
        """A turn to perform; the last value says that it must be said in one go (it is cached)."""
        entries = self._entries.get((TURN, language), [])
        if language == "zh" or (entries and rng.random() < 0.2):
            fitting = [entry for entry in entries if entry.text.kind == kind] or entries
            entry = _pick(rng, fitting)
            return entry.speaker, entry.text, True
        if kind == "plain" and self._sentences and rng.random() < _P_PUBLISHED:
            return self.guise(rng), TurnText(kind, _pick(rng, self._sentences), "en"), False
        return self.guise(rng), turn_text(kind, language, rng), False

    def has_readings(self, language: str) -> bool:
        return any(row.language == language for row in self._readings)

    def reading(self, language: str, rng: np.random.Generator) -> Utterance:
        """Real read speech, at most some eight seconds of it, cut where the reader breathes."""
        rows = [row for row in self._readings if row.language == language]
        return self._disguised(_piece(_pick(rng, rows), rng), rng)

    def assistant(self, language: str, seconds: float, rng: np.random.Generator) -> Utterance:
        """What the loudspeaker plays: replies, mostly in the default voice, for so long or more."""
        if language == "en" and self.has_readings("en") and rng.random() < 0.35:
            return _filled(lambda: self.reading("en", rng), seconds, rng)
        entries = self._entries.get((TURN, language), [])
        if language == "zh" and entries:
            speaker = _pick(rng, entries).speaker
            own = [entry for entry in entries if entry.speaker == speaker]
            return _filled(lambda: self.said(_pick(rng, own)), seconds, rng)
        speaker = _ASSISTANT if rng.random() < 0.7 else self.guise(rng)

        def sentence() -> Utterance:
            if self._sentences:
                return self.say(speaker, _pick(rng, self._sentences), rng)
            return self.say(speaker, turn_text("plain", "en", rng).plain, rng)

        return _filled(sentence, seconds, rng)

    def said(self, entry: BankEntry) -> Utterance:
        """From the cache."""
        return self._speech.say(entry.speaker, entry.text.plain)

    def _disguised(self, utterance: Utterance, rng: np.random.Generator) -> Utterance:
        """Slightly another pitch, tempo and colour, so that no clip sounds twice the same."""
        return warped(
            utterance,
            pitch=float(1.0 + rng.uniform(-_WARP_PITCH, _WARP_PITCH)),
            tempo=float(1.0 + rng.uniform(-_WARP_TEMPO, _WARP_TEMPO)),
            tilt_db=float(rng.uniform(-_WARP_TILT_DB, _WARP_TILT_DB)),
        )


def _filled(say: Callable[[], Utterance], seconds: float, rng: np.random.Generator) -> Utterance:
    said: list[Utterance] = []
    while sum(piece.seconds for piece in said) < seconds:
        said.append(say())
    return joined(said, [float(rng.uniform(*_SENTENCE_GAP_S)) for _ in said[1:]])


def _piece(row: Recording, rng: np.random.Generator) -> Utterance:
    whole = row.utterance()
    if whole.seconds <= _READ_PIECE_S:
        return whole
    places = [0.0, *quiet_places(whole), whole.seconds]
    spans = [(a, b) for a in places for b in places if _READ_PIECE_S / 3.0 < b - a <= _READ_PIECE_S]
    start_s, end_s = _pick(rng, spans) if spans else (0.0, _READ_PIECE_S)
    piece = part(whole, start_s, end_s)
    first_s, last_s = sounding_span(piece.samples)
    return part(piece, first_s, last_s)


def _pick(rng: np.random.Generator, items: Sequence[_T]) -> _T:
    return items[int(rng.integers(len(items)))]
