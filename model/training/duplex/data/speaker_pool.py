"""Who says what in the scenes of one split: synthetic speakers, and real ones where they fit.

The phrase bank is what the slow voices are asked to say, once for all scenes. It is the same
whatever the scenes' seed is, so that another seed finds the cache full.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from model.training.duplex import read_tables
from model.training.duplex.data.chance import between, pick
from model.training.duplex.data.recordings import (
    READ_SPEECH,
    SHORT_SPEECH,
    Recording,
    Recordings,
    of_kind,
)
from model.training.duplex.data.speakers import ASSISTANT, Speaker, fast_speakers
from model.training.duplex.data.turn_texts import TurnText, turn_text
from model.training.duplex.data.utterance import Utterance, joined

TURN = "turn"
PHRASES = read_tables("phrases.toml")
"""What is said in each role but ``TURN``, by language."""

_SEED = 20_251_121
_N_PHRASES: Mapping[str, Mapping[str, int]] = {
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
class Phrase:
    """Something that one speaker of the phrase bank says; ``role``: a key of the tables above."""

    role: str
    speaker: Speaker
    text: TurnText


def phrase_bank(speakers: Iterable[Speaker]) -> tuple[Phrase, ...]:
    """Return what every speaker says, at least one phrase in each role."""
    phrases: list[Phrase] = []
    for speaker in speakers:
        rng = np.random.default_rng([_SEED, *speaker.id.encode()])
        for role, n in _N_PHRASES[speaker.language].items():
            if role == TURN:
                kinds = rng.choice(_TURN_KINDS, n)
                texts = [turn_text(str(kind), speaker.language, rng) for kind in kinds]
            else:
                choices = tuple(dict.fromkeys(PHRASES[role][speaker.language]))
                chosen = rng.choice(len(choices), min(n, len(choices)), replace=False)
                texts = [TurnText(role, choices[int(i)], speaker.language) for i in chosen]
            phrases.extend(Phrase(role, speaker, text) for text in texts)
    return tuple(phrases)


_P_REAL_SHORT = 0.3  # where a recording can play the role at all
_P_FAST = 0.3  # of short things said in English by the fast voice rather than a slow one
_P_PUBLISHED = 0.6  # of plain turns: sentences that somebody wrote, rather than made-up ones
_RATES = (0.9, 1.0, 1.1)
_WARP_PITCH, _WARP_TEMPO, _WARP_TILT_DB = 0.07, 0.12, 3.0
_READ_PIECE_S = 8.0  # longer readings are cut
_SENTENCE_GAP_S = (0.2, 0.6)
_FAST_ROLES = ("command", "word", "question", "opener", "continuation", "filler", "short_turn")


class Speech(Protocol):
    """Turns text into utterances; the same arguments give the same samples."""

    def say(self, speaker: Speaker, text: str, rate: float = 1.0) -> Utterance:
        """Return ``text`` as ``speaker`` says it, ``rate`` times as fast as usual."""
        ...


class SpeakerPool:
    """All speakers of one split."""

    def __init__(
        self,
        speech: Speech,
        recordings: Recordings,
        split: str,
        phrases: Sequence[Phrase],
        sentences: Sequence[str],
    ) -> None:
        """``phrases``: the phrase bank of all splits; ``sentences``: written ones of this split."""
        self._speech = speech
        self._variants = [s for s in fast_speakers() if s.split == split]
        self._phrases: dict[tuple[str, str], list[Phrase]] = {}
        for phrase in phrases:
            if phrase.speaker.split == split:
                key = (phrase.role, phrase.speaker.language)
                self._phrases.setdefault(key, []).append(phrase)
        self._short = of_kind(recordings, *SHORT_SPEECH, split=split)
        self._readings = of_kind(recordings, *READ_SPEECH, split=split)
        self._sentences = sentences

    def variant(self, rng: np.random.Generator) -> Speaker:
        """Return a variant of the fast voice, which can say anything in English."""
        return pick(rng, self._variants)

    def say(self, speaker: Speaker, text: str, rng: np.random.Generator) -> Utterance:
        """Return ``text`` at one of a few rates."""
        rate = float(rng.choice(_RATES)) if speaker.is_fast else 1.0
        return self._speech.say(speaker, text, rate)

    def short(self, role: str, language: str, rng: np.random.Generator) -> Utterance:
        """Return something short in ``role``, a key of ``PHRASES``."""
        if role in ("command", "word", "question") and rng.random() < _P_REAL_SHORT:
            found = [row for row in self._short if row.language == language]
            if found:
                return _varied(pick(rng, found).utterance(), rng)
        phrases = self._phrases.get((role, language), [])
        is_fast = language == "en" and role in _FAST_ROLES and rng.random() < _P_FAST
        if is_fast or not phrases:
            return self.say(self.variant(rng), pick(rng, PHRASES[role]["en"]), rng)
        return _varied(self._said(pick(rng, phrases)), rng)

    def backchannels(self, language: str, rng: np.random.Generator) -> Utterance:
        """Return one to three backchannels by one person."""
        phrases = self._phrases.get(("backchannel", language), [])
        if not phrases:
            texts = [pick(rng, PHRASES["backchannel"]["en"]) for _ in range(2)]
            speaker = self.variant(rng)
            said = [self.say(speaker, text, rng) for text in texts]
        else:
            speaker = pick(rng, phrases).speaker
            own = [phrase for phrase in phrases if phrase.speaker == speaker]
            n = 1 if rng.random() < 0.75 else int(rng.integers(2, 4))
            said = [self._said(pick(rng, own)) for _ in range(n)]
        return _varied(joined(said, [between(rng, (0.08, 0.5)) for _ in said[1:]]), rng)

    def acknowledged_demand(
        self, language: str, rng: np.random.Generator
    ) -> tuple[Utterance, Utterance]:
        """Return an opener and the demand that follows it, by one person."""
        openers = self._phrases.get(("opener", language), [])
        if not openers or (language == "en" and rng.random() < _P_FAST):
            speaker = self.variant(rng)
            texts = [pick(rng, PHRASES[role]["en"]) for role in ("opener", "continuation")]
            return self.say(speaker, texts[0], rng), self.say(speaker, texts[1], rng)
        opener = pick(rng, openers)
        roles = ("continuation", "question")
        demands = [p for role in roles for p in self._phrases.get((role, language), [])]
        demand = pick(rng, [p for p in demands if p.speaker == opener.speaker])
        return _varied(self._said(opener), rng), _varied(self._said(demand), rng)

    def turn(
        self, kind: str, language: str, rng: np.random.Generator
    ) -> tuple[Speaker, TurnText, bool]:
        """Return a turn to perform; the flag says that it must be said in one go (it is cached)."""
        phrases = self._phrases.get((TURN, language), [])
        if language == "zh" or (phrases and rng.random() < 0.2):
            fitting = [phrase for phrase in phrases if phrase.text.kind == kind] or phrases
            phrase = pick(rng, fitting)
            return phrase.speaker, phrase.text, True
        if kind == "plain" and self._sentences and rng.random() < _P_PUBLISHED:
            return self.variant(rng), TurnText(kind, pick(rng, self._sentences), "en"), False
        return self.variant(rng), turn_text(kind, language, rng), False

    def has_readings(self, language: str) -> bool:
        """Whether there is read speech of this language."""
        return any(row.language == language for row in self._readings)

    def reading(self, language: str, rng: np.random.Generator) -> Utterance:
        """Return up to eight seconds of real read speech, cut where the reader breathes."""
        rows = [row for row in self._readings if row.language == language]
        return _varied(_piece(pick(rng, rows), rng), rng)

    def assistant(self, language: str, seconds: float, rng: np.random.Generator) -> Utterance:
        """Return a reply of ``seconds`` or more, mostly in the assistant's default voice."""
        if language == "en" and self.has_readings("en") and rng.random() < 0.35:
            return _repeated(lambda: self.reading("en", rng), seconds, rng)
        phrases = self._phrases.get((TURN, language), [])
        if language == "zh" and phrases:
            speaker = pick(rng, phrases).speaker
            own = [phrase for phrase in phrases if phrase.speaker == speaker]
            return _repeated(lambda: self._said(pick(rng, own)), seconds, rng)
        speaker = ASSISTANT if rng.random() < 0.7 else self.variant(rng)

        def sentence() -> Utterance:
            if self._sentences:
                return self.say(speaker, pick(rng, self._sentences), rng)
            return self.say(speaker, turn_text("plain", "en", rng).plain, rng)

        return _repeated(sentence, seconds, rng)

    def _said(self, phrase: Phrase) -> Utterance:
        return self._speech.say(phrase.speaker, phrase.text.plain)


def _varied(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """Change pitch, tempo and colour slightly, so that no clip sounds twice the same."""
    return utterance.warped(
        pitch=1.0 + between(rng, (-_WARP_PITCH, _WARP_PITCH)),
        tempo=1.0 + between(rng, (-_WARP_TEMPO, _WARP_TEMPO)),
        tilt_db=between(rng, (-_WARP_TILT_DB, _WARP_TILT_DB)),
    )


def _repeated(say: Callable[[], Utterance], seconds: float, rng: np.random.Generator) -> Utterance:
    said: list[Utterance] = []
    while sum(piece.seconds for piece in said) < seconds:
        said.append(say())
    return joined(said, [between(rng, _SENTENCE_GAP_S) for _ in said[1:]])


def _piece(row: Recording, rng: np.random.Generator) -> Utterance:
    whole = row.utterance()
    if whole.seconds <= _READ_PIECE_S:
        return whole
    places = [0.0, *whole.quiet_places(), whole.seconds]
    spans = [(a, b) for a in places for b in places if _READ_PIECE_S / 3.0 < b - a <= _READ_PIECE_S]
    start_s, end_s = pick(rng, spans) if spans else (0.0, _READ_PIECE_S)
    return whole.part(start_s, end_s).trimmed()
