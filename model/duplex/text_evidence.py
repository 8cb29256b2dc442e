"""How finished a partial transcript reads by rules of surface grammar: a score with its reason.

"With" at the end asks for more however long the pause is. A transcript with recognition errors
gets a score all the same.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from model.duplex.lexicon import Lexicon, Phrases, digits_at_end, of_text, tokens

N_LONGEST_TAIL = 4  # words; the longest phrase looked for at the end
N_DICTATED_NUMBERS = 2  # this many number words in a row are being dictated, not counted
N_LONG_NUMBER = 7  # digits; the shortest local telephone number
N_SHORT = 2  # words; a shorter transcript that is no known phrase says little

_TRAILS_OFF = re.compile("(\\.\\.\\.+|\u2026|-|\u2014|\u2013)[\\s\"')]*$")
_ENDS_WITH_COMMA = re.compile("[,;:\u3001\uff0c\uff1b\uff1a][\\s\"')]*$")
_SENTENCE_BREAK = re.compile("(?<=[.!?])\\s+(?=\\S)|(?<=[\u3002\uff01\uff1f])(?=.)")
_ENDS_A_QUESTION = re.compile("[?\uff1f][\\s\"')]*$")
_ENDS_A_SENTENCE = re.compile("[.!\u3002\uff01][\\s\"')]*$")


class Reason(StrEnum):
    """Why a score was given, never in the user's words; and the score.

    Function words score 0.04 by English syntax: a phrase cannot end there. Scores near 0.5 were
    set by hand so that a wrong guess costs less than it gains.
    """

    score: float

    def __new__(cls, text: str, score: float) -> Self:
        """Make a member out of its sentence and its score."""
        member = str.__new__(cls, text)
        member._value_, member.score = text, score
        return member

    NO_WORDS = "no words yet", 0.50
    COMPLETE_PHRASE = "a complete phrase", 0.85
    TRAILS_OFF = "trails off", 0.10
    FILLER = "ends with a filler", 0.06
    ARTICLE = "ends with an article", 0.04
    PREPOSITION = "ends with a preposition", 0.04
    CONJUNCTION = "ends with a conjunction", 0.04
    AUXILIARY = "ends with an auxiliary", 0.15
    SUBJECT = "ends with a subject", 0.06
    DEGREE = "ends with a degree word", 0.12
    TRANSITIVE = "ends with a verb that wants an object", 0.12
    PARTICLE = "ends with a particle", 0.40
    DEMONSTRATIVE = "ends with a demonstrative", 0.35
    NUMBERS = "numbers are being listed", 0.22
    OPEN_NUMBER = "ends with a number", 0.25
    COMMA = "ends with a comma", 0.38
    QUESTION = "a question", 0.78
    STRANDED = "a question ending with a function word", 0.55
    SENTENCE = "a sentence", 0.72
    UNPUNCTUATED = "no end of sentence", 0.45
    FEW_WORDS = "few words", 0.50


@dataclass(frozen=True, slots=True)
class TextEvidence:
    """``score`` in (0, 1): 0.5 says nothing, above: finished, below: more is coming."""

    score: float
    reason: Reason


_LONG_NUMBER = 0.65


def _last_sentence(text: str) -> str:
    """What stands before a full stop is finished; only the rest can want more."""
    return _SENTENCE_BREAK.split(text.strip())[-1]


def _ends_with(words: tuple[str, ...], phrases: Phrases) -> bool:
    longest = min(N_LONGEST_TAIL, len(words))
    return any(" ".join(words[-n:]) in phrases for n in range(1, longest + 1))


class GrammarScorer:
    """Scores transcripts with the word lists of their language."""

    def __init__(self, lexicons: Mapping[str, Lexicon]) -> None:
        self._lexicons = dict(lexicons)

    def score(self, text: str) -> TextEvidence:
        """Return how finished the last sentence of ``text`` reads."""
        text = _last_sentence(text)
        words = tokens(text)
        if not words:
            return TextEvidence(Reason.NO_WORDS.score, Reason.NO_WORDS)
        lexicon = of_text(self._lexicons, text)
        reason = self._of_phrase(text, words, lexicon) or self._of_end(text, words, lexicon)
        is_whole = sum(digits_at_end(words, lexicon)) >= N_LONG_NUMBER
        is_long_number = reason is Reason.NUMBERS and is_whole
        return TextEvidence(_LONG_NUMBER if is_long_number else reason.score, reason)

    def _of_phrase(self, text: str, words: tuple[str, ...], lexicon: Lexicon) -> Reason | None:
        """What the words alone settle."""
        if " ".join(words) in lexicon.complete_phrases and not _TRAILS_OFF.search(text):
            return Reason.COMPLETE_PHRASE
        if lexicon.final_particles and words[-1] in lexicon.final_particles:
            return Reason.QUESTION
        if _ends_with(words, lexicon.fillers - lexicon.complete_phrases):
            return Reason.FILLER
        if _TRAILS_OFF.search(text):
            return Reason.TRAILS_OFF
        if sum(digits_at_end(words, lexicon)) >= N_DICTATED_NUMBERS:
            return Reason.NUMBERS
        return self._of_function_word(text, words, lexicon)

    def _of_function_word(
        self, text: str, words: tuple[str, ...], lexicon: Lexicon
    ) -> Reason | None:
        is_question = bool(_ENDS_A_QUESTION.search(text)) and words[0] in lexicon.question_words
        if _ends_with(words, lexicon.prepositions):
            if is_question and len(words) > N_SHORT:
                return Reason.STRANDED
            return Reason.PREPOSITION
        closes = lexicon.auxiliaries | lexicon.demonstratives | {"that"}
        if is_question and _ends_with(words, closes):
            return None  # "what was that?"
        is_embedded = any(word in lexicon.question_words for word in words[:-N_SHORT])
        if is_embedded and _ends_with(words, lexicon.auxiliaries):
            return None  # "tell me what the biggest planet is"
        for phrases, reason in (
            (lexicon.articles, Reason.ARTICLE),
            (lexicon.conjunctions, Reason.CONJUNCTION),
            (lexicon.auxiliaries, Reason.AUXILIARY),
            (lexicon.subjects, Reason.SUBJECT),
            (lexicon.degrees, Reason.DEGREE),
            (lexicon.transitive_verbs, Reason.TRANSITIVE),
            (lexicon.particles, Reason.PARTICLE),
            (lexicon.demonstratives, Reason.DEMONSTRATIVE),
        ):
            if _ends_with(words, phrases):
                return reason
        # "when you", "if it": a clause that has only its subject
        is_clause = len(words) > N_SHORT and words[-2] in lexicon.conjunctions
        if is_clause and words[-1] in {"you", "it"}:
            return Reason.SUBJECT
        return None

    def _of_end(self, text: str, words: tuple[str, ...], lexicon: Lexicon) -> Reason:
        """What punctuation and length suggest once the last word may end a phrase."""
        if _ENDS_WITH_COMMA.search(text):
            return Reason.COMMA
        if digits_at_end(words, lexicon) and len(words) > N_SHORT:
            return Reason.OPEN_NUMBER
        opens = lexicon.question_words | lexicon.question_openers
        if _ENDS_A_QUESTION.search(text) or (words[0] in opens and len(words) > N_SHORT + 1):
            return Reason.QUESTION
        if len(words) <= N_SHORT:
            return Reason.FEW_WORDS
        if _ENDS_A_SENTENCE.search(text):
            return Reason.SENTENCE
        return Reason.UNPUNCTUATED
