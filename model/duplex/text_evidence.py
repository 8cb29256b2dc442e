"""How finished a partial transcript reads: a score with its reason.

Knows no sound and no time: "with" at the end asks for more however long the pause is.
Rules of surface grammar; a transcript with recognition errors gets a score all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from model.duplex.lexicon import Lexicon, Phrases, of_text, tokens

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


@dataclass(frozen=True, slots=True)
class TextScores:
    """Score per reason. Function words come out of English syntax (a phrase cannot end there);
    those near 0.5 were set by hand so that a wrong guess costs less than it gains.
    """

    complete_phrase: float = 0.85
    trails_off: float = 0.10
    filler: float = 0.06
    function_word: float = 0.04
    auxiliary: float = 0.15
    subject: float = 0.06
    degree: float = 0.12
    transitive: float = 0.12
    particle: float = 0.40
    demonstrative: float = 0.35
    numbers: float = 0.22
    long_number: float = 0.65
    open_number: float = 0.25
    comma: float = 0.38
    question: float = 0.78
    stranded: float = 0.55
    sentence: float = 0.72
    unpunctuated: float = 0.45
    few_words: float = 0.50


def _last_sentence(text: str) -> str:
    """What stands before a full stop is finished; only the rest can want more."""
    return _SENTENCE_BREAK.split(text.strip())[-1]


def _ends_with(words: tuple[str, ...], phrases: Phrases) -> bool:
    longest = min(N_LONGEST_TAIL, len(words))
    return any(" ".join(words[-n:]) in phrases for n in range(1, longest + 1))


def _n_numbers_at_end(words: tuple[str, ...], lexicon: Lexicon) -> int:
    n = 0
    for word in reversed(words):
        if not (word.isdigit() or word in lexicon.number_words):
            break
        n += len(word) if word.isdigit() else 1
    return n


class GrammarScorer:
    """Scores transcripts with the word lists of their language."""

    def __init__(self, lexicons: Mapping[str, Lexicon], scores: TextScores | None = None) -> None:
        self._lexicons = dict(lexicons)
        self._scores = scores or TextScores()

    def judge(self, text: str) -> TextEvidence:
        text = _last_sentence(text)
        words = tokens(text)
        if not words:
            return TextEvidence(0.5, Reason.NO_WORDS)
        lexicon = of_text(self._lexicons, text)
        return self._of_phrase(text, words, lexicon) or self._of_end(text, words, lexicon)

    def _of_phrase(
        self, text: str, words: tuple[str, ...], lexicon: Lexicon
    ) -> TextEvidence | None:
        """What the words alone settle."""
        scores = self._scores
        if " ".join(words) in lexicon.complete_phrases and not _TRAILS_OFF.search(text):
            return TextEvidence(scores.complete_phrase, Reason.COMPLETE_PHRASE)
        if lexicon.final_particles and words[-1] in lexicon.final_particles:
            return TextEvidence(scores.question, Reason.QUESTION)
        if _ends_with(words, lexicon.fillers - lexicon.complete_phrases):
            return TextEvidence(scores.filler, Reason.FILLER)
        if _TRAILS_OFF.search(text):
            return TextEvidence(scores.trails_off, Reason.TRAILS_OFF)
        n_numbers = _n_numbers_at_end(words, lexicon)
        if n_numbers >= N_DICTATED_NUMBERS:
            score = scores.long_number if n_numbers >= N_LONG_NUMBER else scores.numbers
            return TextEvidence(score, Reason.NUMBERS)
        return self._of_function_word(text, words, lexicon)

    def _of_function_word(
        self, text: str, words: tuple[str, ...], lexicon: Lexicon
    ) -> TextEvidence | None:
        scores = self._scores
        is_question = bool(_ENDS_A_QUESTION.search(text)) and words[0] in lexicon.question_words
        if _ends_with(words, lexicon.prepositions):
            if is_question and len(words) > N_SHORT:
                return TextEvidence(scores.stranded, Reason.STRANDED)
            return TextEvidence(scores.function_word, Reason.PREPOSITION)
        closes = lexicon.auxiliaries | lexicon.demonstratives | {"that"}
        if is_question and _ends_with(words, closes):
            return None  # "what was that?"
        is_embedded = any(word in lexicon.question_words for word in words[:-N_SHORT])
        if is_embedded and _ends_with(words, lexicon.auxiliaries):
            return None  # "tell me what the biggest planet is"
        for phrases, score, reason in (
            (lexicon.articles, scores.function_word, Reason.ARTICLE),
            (lexicon.conjunctions, scores.function_word, Reason.CONJUNCTION),
            (lexicon.auxiliaries, scores.auxiliary, Reason.AUXILIARY),
            (lexicon.subjects, scores.subject, Reason.SUBJECT),
            (lexicon.degrees, scores.degree, Reason.DEGREE),
            (lexicon.transitive_verbs, scores.transitive, Reason.TRANSITIVE),
            (lexicon.particles, scores.particle, Reason.PARTICLE),
            (lexicon.demonstratives, scores.demonstrative, Reason.DEMONSTRATIVE),
        ):
            if _ends_with(words, phrases):
                return TextEvidence(score, reason)
        # "when you", "if it": a clause that has only its subject
        is_clause = len(words) > N_SHORT and words[-2] in lexicon.conjunctions
        if is_clause and words[-1] in {"you", "it"}:
            return TextEvidence(scores.subject, Reason.SUBJECT)
        return None

    def _of_end(self, text: str, words: tuple[str, ...], lexicon: Lexicon) -> TextEvidence:
        """What punctuation and length suggest once the last word may end a phrase."""
        scores = self._scores
        if _ENDS_WITH_COMMA.search(text):
            return TextEvidence(scores.comma, Reason.COMMA)
        if _n_numbers_at_end(words, lexicon) and len(words) > N_SHORT:
            return TextEvidence(scores.open_number, Reason.OPEN_NUMBER)
        opens = lexicon.question_words | lexicon.question_openers
        if _ENDS_A_QUESTION.search(text) or (words[0] in opens and len(words) > N_SHORT + 1):
            return TextEvidence(scores.question, Reason.QUESTION)
        if len(words) <= N_SHORT:
            return TextEvidence(scores.few_words, Reason.FEW_WORDS)
        if _ENDS_A_SENTENCE.search(text):
            return TextEvidence(scores.sentence, Reason.SENTENCE)
        return TextEvidence(scores.unpunctuated, Reason.UNPUNCTUATED)
