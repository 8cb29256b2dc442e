"""Spoken text to phonemes, each word with its place in the displayed text.

English is converted by hibari; Mandarin by misaki, where it is installed.
"""

import importlib
import importlib.util
import logging
import re
from dataclasses import dataclass
from typing import Any

from model.cascade.clauses import is_cjk
from model.cascade.hibari_library import Converter, normalized
from model.cascade.speech_text import Span, spoken

_PUNCTUATION = frozenset(".,!?;:—…\"“”()'’ ")


@dataclass(frozen=True, slots=True)
class PhonemeWord:
    """symbols[start:end] sound for text[source] of what is displayed."""

    start: int
    end: int
    source: Span


@dataclass(frozen=True, slots=True)
class Phonemes:
    """``symbols`` in misaki's alphabet, one character each."""

    symbols: str
    words: tuple[PhonemeWord, ...]


class EnglishPhonemizer:
    """Converts English to American or British phonemes."""

    def __init__(self, is_british: bool = False) -> None:
        self._convert = Converter(is_british)

    def __call__(self, text: str) -> Phonemes:
        """Return the phonemes of displayed text."""
        said = spoken(text, normalized)
        tokens = self._convert(said.text) if said.text else []
        symbols = ""
        words: list[PhonemeWord] = []
        spaces_seen = 0  # which white-space-separated word the token belongs to
        word_start = 0
        for token in tokens:
            # a token may itself contain spaces ("U. S.")
            symbols += token.phonemes or ""
            spaces_seen += len(token.text.split()) - 1 if token.text.strip() else 0
            if token.whitespace:
                source = said.sources[min(spaces_seen, len(said.sources) - 1)]
                _add_word(words, symbols, word_start, source)
                spaces_seen += 1
                symbols += " "
                word_start = len(symbols)
        if tokens:
            _add_word(words, symbols, word_start, said.sources[-1])
        return Phonemes(symbols, tuple(words))


class MandarinPhonemizer:
    """Converts Mandarin with misaki (jieba and pypinyin inside)."""

    def __init__(self) -> None:
        self._convert: Any = importlib.import_module("misaki.zh").ZHG2P()
        logging.getLogger("jieba").setLevel(logging.WARNING)  # it reports its dictionary's loading

    @staticmethod
    def is_installed() -> bool:
        """Return whether the converter's packages are here."""
        return importlib.util.find_spec("misaki") is not None and (
            importlib.util.find_spec("pypinyin") is not None
        )

    def __call__(self, text: str) -> Phonemes:
        """Convert phrase by phrase: their symbols carry no word boundaries of their own."""
        symbols = ""
        words: list[PhonemeWord] = []
        for match in re.finditer(r"[^，。！？；：、,.!?;:\s]+[，。！？；：、,.!?;:\s]*", text):
            piece = match.group()
            sounds = str(self._convert(piece)[0])
            begin = len(symbols)
            symbols += sounds + " "
            words += _spread(piece, match.start(), symbols, begin, begin + len(sounds))
        return Phonemes(symbols.rstrip(), tuple(words))


Phonemizer = EnglishPhonemizer | MandarinPhonemizer


def _add_word(words: list[PhonemeWord], symbols: str, start: int, source: Span) -> None:
    """Add symbols[start:] without the punctuation around it; join pieces of one shown word."""
    end = len(symbols)
    while end > start and symbols[end - 1] in _PUNCTUATION:
        end -= 1
    while start < end and symbols[start] in _PUNCTUATION:
        start += 1
    if start == end or source.start == source.end:
        return
    if words and words[-1].source.end > source.start:
        joined = Span(words[-1].source.start, max(source.end, words[-1].source.end))
        words[-1] = PhonemeWord(words[-1].start, end, joined)
        return
    words.append(PhonemeWord(start, end, source))


def _spread(piece: str, offset: int, symbols: str, begin: int, end: int) -> list[PhonemeWord]:
    """Give each character of a Mandarin phrase an equal share of the phrase's symbols."""
    places = [i for i, char in enumerate(piece) if is_cjk(char) or char.isalnum()]
    while end > begin and symbols[end - 1] in _PUNCTUATION:
        end -= 1
    n = len(places)
    return [
        PhonemeWord(
            begin + (end - begin) * k // n,
            begin + (end - begin) * (k + 1) // n,
            Span(offset + place, offset + place + 1),
        )
        for k, place in enumerate(places)
    ]
