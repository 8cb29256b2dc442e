"""Is the user dictating: a number in pieces, an address, a word letter by letter?

Such pieces end like sentences and are not: people look the next one up. Knows words only.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from model.duplex.lexicon import Lexicon, n_words_after, of_text, tokens

_N_RUN = 3  # numbers or letters in a row that nobody announced; "twenty five" is no dictation
_N_WHOLE = 10  # digits; with so many a telephone number is whole
_N_ADDRESS = 14  # words; by then an address is whole
_N_SPELLED = 12  # letters


class Dictation(StrEnum):
    """What is being dictated; the text is the reason that people are shown."""

    NUMBERS = "numbers are dictated"
    ADDRESS = "an address is dictated"
    SPELLING = "letters are spelled"


def _n_digits(word: str, lexicon: Lexicon) -> int:
    if word.isdigit():
        return len(word)
    return int(word in lexicon.number_words)


def _run_of_numbers(words: tuple[str, ...], lexicon: Lexicon) -> tuple[int, int]:
    """(pieces, digits) at the end."""
    n_pieces = n_digits = 0
    for word in reversed(words):
        n = _n_digits(word, lexicon)
        if not n:
            break
        n_pieces += 1
        n_digits += n
    return n_pieces, n_digits


def _n_letters(words: tuple[str, ...], language: str) -> int:
    """Single letters at the end; one alone may be a word."""
    n = 0
    for word in reversed(words):
        if len(word) != 1 or not word.isascii() or not word.isalpha():
            break
        n += 1
    return n if language == "en" or n > 1 else 0


def dictated(lexicons: Mapping[str, Lexicon], text: str) -> Dictation | None:
    """None where the words are ordinary speech, or what was dictated is whole."""
    words = tokens(text)
    if not words:
        return None
    lexicon = of_text(lexicons, text)
    if words[0] in lexicon.question_words or words[0] in lexicon.question_openers:
        return None  # "what is the address"
    n_letters = _n_letters(words, lexicon.language)
    spelled = n_words_after(words, lexicon.spelling_openers)
    if n_letters >= _N_RUN or (spelled is not None and spelled <= _N_SPELLED):
        return Dictation.SPELLING if n_letters <= _N_SPELLED else None
    n_pieces, n_digits = _run_of_numbers(words, lexicon)
    if n_digits < _N_WHOLE:
        announced = n_words_after(words, lexicon.number_openers)
        if n_pieces >= _N_RUN or (announced is not None and announced <= n_pieces):
            return Dictation.NUMBERS
    addressed = n_words_after(words, lexicon.address_openers)
    if (
        addressed is not None
        and addressed <= _N_ADDRESS
        and (addressed == 0 or _has_number(words, lexicon))
    ):
        return Dictation.ADDRESS
    return None


def _has_number(words: tuple[str, ...], lexicon: Lexicon) -> bool:
    return any(_n_digits(word, lexicon) for word in words)
