"""How finished a partial transcript reads by rules of surface grammar: a score with its reason.

"With" at the end asks for more however long the pause is. A transcript with recognition errors
gets a score all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
    """Why a score was given; never holds the user's words."""

    NO_WORDS = "no words yet"
    COMPLETE_PHRASE = "a complete phrase"
    TRAILS_OFF = "trails off"
    FILLER = "ends with a filler"
    ARTICLE = "ends with an article"
    PREPOSITION = "ends with a preposition"
    CONJUNCTION = "ends with a conjunction"
    AUXILIARY = "ends with an auxiliary"
    SUBJECT = "ends with a subject"
    DEGREE = "ends with a degree word"
    TRANSITIVE = "ends with a verb that wants an object"
    PARTICLE = "ends with a particle"
    DEMONSTRATIVE = "ends with a demonstrative"
    NUMBERS = "numbers are being listed"
    OPEN_NUMBER = "ends with a number"
    COMMA = "ends with a comma"
    QUESTION = "a question"
    STRANDED = "a question ending with a function word"
    SENTENCE = "a sentence"
    UNPUNCTUATED = "no end of sentence"
    FEW_WORDS = "few words"


@dataclass(frozen=True, slots=True)
class TextEvidence:
    """``score`` in (0, 1): 0.5 says nothing, above: finished, below: more is coming."""

    score: float
    reason: Reason


_FUNCTION_WORD = 0.04
_SCORES = {
    Reason.NO_WORDS: 0.50,
    Reason.COMPLETE_PHRASE: 0.85,
    Reason.TRAILS_OFF: 0.10,
    Reason.FILLER: 0.06,
    Reason.ARTICLE: _FUNCTION_WORD,
    Reason.PREPOSITION: _FUNCTION_WORD,
    Reason.CONJUNCTION: _FUNCTION_WORD,
    Reason.AUXILIARY: 0.15,
    Reason.SUBJECT: 0.06,
    Reason.DEGREE: 0.12,
    Reason.TRANSITIVE: 0.12,
    Reason.PARTICLE: 0.40,
    Reason.DEMONSTRATIVE: 0.35,
    Reason.NUMBERS: 0.22,
    Reason.OPEN_NUMBER: 0.25,
    Reason.COMMA: 0.38,
    Reason.QUESTION: 0.78,
    Reason.STRANDED: 0.55,
    Reason.SENTENCE: 0.72,
    Reason.UNPUNCTUATED: 0.45,
    Reason.FEW_WORDS: 0.50,
}
"""Function words come out of English syntax: a phrase cannot end there. Scores near 0.5 were set by
hand so that a wrong guess costs less than it gains."""
_LONG_NUMBER = 0.65


def _last_sentence(text: str) -> str:
    """What stands before a full stop is finished; only the rest can want more."""
    return _SENTENCE_BREAK.split(text.strip())[-1]


def _ends_with(words: tuple[str, ...], phrases: Phrases) -> bool:
    longest = min(N_LONGEST_TAIL, len(words))
    return any(" ".join(words[-n:]) in phrases for n in range(1, longest + 1))


def _evidence(reason: Reason) -> TextEvidence:
    return TextEvidence(_SCORES[reason], reason)


class GrammarScorer:
    """Scores transcripts with the word lists of their language."""

    def __init__(self, lexicons: Mapping[str, Lexicon]) -> None:
        self._lexicons = dict(lexicons)

    def score(self, text: str) -> TextEvidence:
        """Return how finished the last sentence of ``text`` reads."""
        text = _last_sentence(text)
        words = tokens(text)
        if not words:
            return _evidence(Reason.NO_WORDS)
        lexicon = of_text(self._lexicons, text)
        return self._of_phrase(text, words, lexicon) or self._of_end(text, words, lexicon)

    def _of_phrase(
        self, text: str, words: tuple[str, ...], lexicon: Lexicon
    ) -> TextEvidence | None:
        """What the words alone settle."""
        if " ".join(words) in lexicon.complete_phrases and not _TRAILS_OFF.search(text):
            return _evidence(Reason.COMPLETE_PHRASE)
        if lexicon.final_particles and words[-1] in lexicon.final_particles:
            return _evidence(Reason.QUESTION)
        if _ends_with(words, lexicon.fillers - lexicon.complete_phrases):
            return _evidence(Reason.FILLER)
        if _TRAILS_OFF.search(text):
            return _evidence(Reason.TRAILS_OFF)
        n_numbers = sum(digits_at_end(words, lexicon))
        if n_numbers >= N_LONG_NUMBER:
            return TextEvidence(_LONG_NUMBER, Reason.NUMBERS)
        if n_numbers >= N_DICTATED_NUMBERS:
            return _evidence(Reason.NUMBERS)
        return self._of_function_word(text, words, lexicon)

    def _of_function_word(
        self, text: str, words: tuple[str, ...], lexicon: Lexicon
    ) -> TextEvidence | None:
        is_question = bool(_ENDS_A_QUESTION.search(text)) and words[0] in lexicon.question_words
        if _ends_with(words, lexicon.prepositions):
            if is_question and len(words) > N_SHORT:
                return _evidence(Reason.STRANDED)
            return _evidence(Reason.PREPOSITION)
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
                return _evidence(reason)
        # "when you", "if it": a clause that has only its subject
        is_clause = len(words) > N_SHORT and words[-2] in lexicon.conjunctions
        if is_clause and words[-1] in {"you", "it"}:
            return _evidence(Reason.SUBJECT)
        return None

    def _of_end(self, text: str, words: tuple[str, ...], lexicon: Lexicon) -> TextEvidence:
        """What punctuation and length suggest once the last word may end a phrase."""
        if _ENDS_WITH_COMMA.search(text):
            return _evidence(Reason.COMMA)
        if digits_at_end(words, lexicon) and len(words) > N_SHORT:
            return _evidence(Reason.OPEN_NUMBER)
        opens = lexicon.question_words | lexicon.question_openers
        if _ENDS_A_QUESTION.search(text) or (words[0] in opens and len(words) > N_SHORT + 1):
            return _evidence(Reason.QUESTION)
        if len(words) <= N_SHORT:
            return _evidence(Reason.FEW_WORDS)
        if _ENDS_A_SENTENCE.search(text):
            return _evidence(Reason.SENTENCE)
        return _evidence(Reason.UNPUNCTUATED)
