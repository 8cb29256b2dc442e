"""What the words so far say: do they cover the last voice, do they ask for more, is it dictation?

Reads partial transcripts with word lists and grammar.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from audio_io.frames import UserFrame
from model.duplex import policy
from model.duplex.lexicon import (
    Lexicon,
    digits_at_end,
    has_stop_word,
    is_backchannel,
    is_mandarin,
    n_digits,
    n_words_after,
    of_text,
    tokens,
)
from model.duplex.text_evidence import GrammarScorer, TextEvidence
from model.duplex.voice_tracker import MS, Stretch


class Dictation(StrEnum):
    """What is being dictated; the value is the reason that people are shown."""

    NUMBERS = "numbers are dictated"
    ADDRESS = "an address is dictated"
    SPELLING = "letters are spelled"


@dataclass(frozen=True, slots=True)
class WordEvidence:
    """The transcript of this moment.

    Attributes:
        text: the words; "" where there are none of this turn.
        covers: they reach up to the last voice.
        n_words: of the whole transcript.
        dictation: what is being dictated, if anything.
        is_over_reply: said over the reply.
        is_acknowledgement: said over the reply, nothing but backchannels.
        is_sentence: said over it, several words and something else.
        is_stop: said over it, with a stop word that is not negated.
    """

    text: str
    covers: bool
    n_words: int
    language: str
    grammar: TextEvidence
    dictation: Dictation | None = None
    is_over_reply: bool = False
    is_acknowledgement: bool = False
    is_sentence: bool = False
    is_stop: bool = False

    @property
    def is_late(self) -> bool:
        """Return whether there are words, but those of the last voice are still to come."""
        return bool(self.text) and not self.covers


class WordReader:
    """Reads the partial transcript of every frame; each text is read once.

    Attributes:
        nothing: evidence of no words at all.
    """

    def __init__(self, lexicons: Mapping[str, Lexicon]) -> None:
        self._lexicons = dict(lexicons)
        self._grammar = GrammarScorer(self._lexicons)
        self.nothing = self._reading = self._read("")

    def read(self, user: UserFrame, turn: Stretch | None, overlap: Stretch | None) -> WordEvidence:
        """Return the evidence; ``turn`` is None while nobody is owed an answer."""
        is_own = turn is not None and user.partial_at_s > turn.onset_s
        text = user.partial_text if is_own else ""
        if text != self._reading.text:
            self._reading = self._read(text) if text else self.nothing
        reading = self._reading
        lag_s = policy.WORDS_LAG_MS / MS
        covers = is_own and user.partial_at_s >= turn.last_voice_s - lag_s if turn else False
        heard_ms = 0.0 if overlap is None else MS * (user.partial_at_s - overlap.onset_s)
        is_heard = bool(text) and heard_ms >= policy.BACKCHANNEL_WORD_MS
        acknowledges = is_heard and reading.is_acknowledgement
        is_long = reading.n_words >= policy.N_SENTENCE_WORDS
        return replace(
            reading,
            covers=bool(text) and covers,
            is_over_reply=is_heard,
            is_acknowledgement=acknowledges,
            is_sentence=is_heard and not acknowledges and is_long,
            is_stop=is_heard and heard_ms >= policy.STOP_WORD_MS and reading.is_stop,
        )

    def _read(self, text: str) -> WordEvidence:
        """All that depends on the text alone, as if it were said over a reply."""
        lexicon = of_text(self._lexicons, text)
        return WordEvidence(
            text=text,
            covers=False,
            n_words=len(tokens(text)),
            language="zh" if is_mandarin(text) else "en",
            grammar=self._grammar.score(text),
            dictation=dictated(self._lexicons, text),
            is_acknowledgement=is_backchannel(lexicon, text),
            is_stop=has_stop_word(lexicon, text),
        )


def dictated(lexicons: Mapping[str, Lexicon], text: str) -> Dictation | None:
    """Return what ``text`` dictates in pieces; None for ordinary speech or once it is whole.

    Such pieces end like sentences and are not: people look the next one up.
    """
    words = tokens(text)
    if not words:
        return None
    lexicon = of_text(lexicons, text)
    if words[0] in lexicon.question_words or words[0] in lexicon.question_openers:
        return None  # "what is the address"
    n_letters = _n_letters(words, lexicon.language)
    spelled = n_words_after(words, lexicon.spelling_openers)
    if n_letters >= policy.N_RUN or (spelled is not None and spelled <= policy.N_WHOLE_SPELLING):
        return Dictation.SPELLING if n_letters <= policy.N_WHOLE_SPELLING else None
    run = digits_at_end(words, lexicon)
    if sum(run) < policy.N_WHOLE_DIGITS:
        announced = n_words_after(words, lexicon.number_openers)
        if len(run) >= policy.N_RUN or (announced is not None and announced <= len(run)):
            return Dictation.NUMBERS
    addressed = n_words_after(words, lexicon.address_openers)
    if addressed is None or addressed > policy.N_WHOLE_ADDRESS:
        return None
    has_number = any(n_digits(word, lexicon) for word in words)
    return Dictation.ADDRESS if addressed == 0 or has_number else None


def _n_letters(words: tuple[str, ...], language: str) -> int:
    """Single letters at the end; one alone may be a word."""
    n = 0
    for word in reversed(words):
        if len(word) != 1 or not word.isascii() or not word.isalpha():
            break
        n += 1
    return n if language == "en" or n > 1 else 0
