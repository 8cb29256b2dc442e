"""What the words so far say: do they cover the last voice, do they ask for more, do they say stop?

Reads partial transcripts with word lists and grammar; knows no sound and no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audio_io.frames import UserFrame
from model.duplex.endpointing import Dictation, dictated
from model.duplex.lexicon import (
    Lexicon,
    has_stop_word,
    is_backchannel,
    is_mandarin,
    of_text,
    tokens,
)
from model.duplex.text_evidence import GrammarScorer, TextEvidence
from model.duplex.voice_tracker import MS, Stretch

LAG_MS = 200.0
"""A transcript that ends this much before the last voice still covers it."""

_WORD_MS = 250.0  # a stop word is trusted from this much audio on; less gives guesses
_BACKCHANNEL_WORD_MS = 96.0  # the same for backchannels, which only buy time


@dataclass(frozen=True, slots=True)
class WordEvidence:
    """The transcript of this moment.

    Attributes:
        text: the words; "" where there are none of this turn.
        covers: they reach up to the last voice.
        n_words: of the whole transcript.
        dictation: what is being dictated, if anything.
        is_acknowledgement: said over the assistant, nothing but backchannels.
        is_sentence: said over it, several words and something else.
        is_stop: said over it, with a stop word that is not negated.
    """

    text: str
    covers: bool
    n_words: int
    language: str
    grammar: TextEvidence
    dictation: Dictation | None = None
    is_acknowledgement: bool = False
    is_sentence: bool = False
    is_stop: bool = False

    @property
    def is_late(self) -> bool:
        """There are words, those of the last voice are still to come."""
        return bool(self.text) and not self.covers


@dataclass(frozen=True, slots=True)
class _Reading:
    """All that depends on the text alone."""

    text: str
    n_words: int
    language: str
    grammar: TextEvidence
    dictation: Dictation | None
    is_acknowledgement: bool
    has_stop: bool


class WordReader:
    """Judges the partial transcript of every frame; a text is read once.

    Attributes:
        nothing: evidence of no words at all.
    """

    def __init__(self, lexicons: Mapping[str, Lexicon]) -> None:
        self._lexicons = dict(lexicons)
        self._judge = GrammarScorer(self._lexicons)
        self._empty = self._reading = self._read("")
        self.nothing = WordEvidence("", False, 0, "en", self._empty.grammar)

    def read(self, user: UserFrame, turn: Stretch | None, overlap: Stretch | None) -> WordEvidence:
        """``turn``: None while nobody has said anything that is owed an answer."""
        is_own = turn is not None and user.partial_at_s > turn.onset_s
        text = user.partial_text if is_own else ""
        if text != self._reading.text:
            self._reading = self._read(text) if text else self._empty
        reading = self._reading
        covers = is_own and user.partial_at_s >= turn.last_voice_s - LAG_MS / MS if turn else False
        heard_ms = 0.0 if overlap is None else MS * (user.partial_at_s - overlap.onset_s)
        is_heard = bool(text) and heard_ms >= _BACKCHANNEL_WORD_MS
        acknowledges = is_heard and reading.is_acknowledgement
        return WordEvidence(
            text=text,
            covers=bool(text) and covers,
            n_words=reading.n_words,
            language=reading.language,
            grammar=reading.grammar,
            dictation=reading.dictation,
            is_acknowledgement=acknowledges,
            is_sentence=is_heard and not acknowledges and reading.n_words > 1,
            is_stop=is_heard and heard_ms >= _WORD_MS and reading.has_stop,
        )

    def _read(self, text: str) -> _Reading:
        lexicon = of_text(self._lexicons, text)
        return _Reading(
            text=text,
            n_words=len(tokens(text)),
            language="zh" if is_mandarin(text) else "en",
            grammar=self._judge.judge(text),
            dictation=dictated(self._lexicons, text),
            is_acknowledgement=is_backchannel(lexicon, text),
            has_stop=has_stop_word(lexicon, text),
        )
