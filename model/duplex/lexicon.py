"""Words that carry turn-taking: backchannels, stop words, words that ask for more. Read from TOML.

Knows neither probabilities nor time.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import cast

from model.errors import ModelError

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "resources" / "duplex"

_CJK = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

Phrases = frozenset[str]
EMPTY: Phrases = frozenset()


class LexiconError(ModelError):
    """A word list cannot be read; the message names file, key and remedy."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Word lists of one language; phrases are in the form ``tokens`` gives, joined by one space.

    Attributes:
        language: "en", "zh".
        stop_word_negations: a stop word right after one of these does not count.
        particles: end a phrase about as often as they open one.
        final_particles: close a sentence (Mandarin).
        number_openers: announce a number that will be dictated ("my number is").
        address_openers: announce an address, of a house or for letters.
        spelling_openers: announce a word letter by letter.
    """

    language: str
    backchannels: Phrases = EMPTY
    stop_words: Phrases = EMPTY
    stop_word_negations: Phrases = EMPTY
    fillers: Phrases = EMPTY
    articles: Phrases = EMPTY
    prepositions: Phrases = EMPTY
    conjunctions: Phrases = EMPTY
    auxiliaries: Phrases = EMPTY
    subjects: Phrases = EMPTY
    degrees: Phrases = EMPTY
    transitive_verbs: Phrases = EMPTY
    particles: Phrases = EMPTY
    demonstratives: Phrases = EMPTY
    question_words: Phrases = EMPTY
    question_openers: Phrases = EMPTY
    complete_phrases: Phrases = EMPTY
    final_particles: Phrases = EMPTY
    number_words: Phrases = EMPTY
    number_openers: Phrases = EMPTY
    address_openers: Phrases = EMPTY
    spelling_openers: Phrases = EMPTY


LIST_KEYS = tuple(f.name for f in fields(Lexicon) if f.name != "language")


def is_mandarin(text: str) -> bool:
    """Any Chinese character."""
    return _CJK.search(text) is not None


def tokens(text: str) -> tuple[str, ...]:
    """Words in lower case without punctuation; one token per character in Mandarin.

    "Mm-hm, I'm" gives ("mm", "hm", "i'm").
    """
    words = _WORD.findall(text.lower().replace("\u2019", "'"))
    if not is_mandarin(text):
        return tuple(words)
    split: list[str] = []
    for word in words:
        split.extend(word if is_mandarin(word) else (word,))
    return tuple(split)


def normal(phrase: str) -> str:
    """The form in which phrases are kept and looked up."""
    return " ".join(tokens(phrase))


def read_lexicon(path: Path) -> Lexicon:
    """Raises LexiconError."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LexiconError(
            f"{path}: cannot read the word list ({error}); restore it or remove it"
        ) from error
    language = raw.pop("language", None)
    if not isinstance(language, str) or not language:
        raise LexiconError(f'{path}: key "language" must be a text such as "en"')
    lists: dict[str, Phrases] = {}
    for key, value in raw.items():
        if key not in LIST_KEYS:
            raise LexiconError(
                f'{path}: unknown key "{key}"; known are language, {", ".join(LIST_KEYS)}'
            )
        entries = cast(list[object], value) if isinstance(value, list) else None
        if entries is None or not all(isinstance(entry, str) for entry in entries):
            raise LexiconError(f'{path}: key "{key}" must be a list of texts')
        lists[key] = frozenset(n for n in (normal(str(entry)) for entry in entries) if n)
    return replace(Lexicon(language), **lists)


def read_lexicons(folder: Path = DEFAULT_FOLDER) -> dict[str, Lexicon]:
    """All ``*.toml`` of ``folder`` by language. Raises LexiconError, also where there is none."""
    lexicons = [read_lexicon(path) for path in sorted(folder.glob("*.toml"))]
    if not lexicons:
        raise LexiconError(f"{folder}: no word list (*.toml) here; reinstall the application")
    return {lexicon.language: lexicon for lexicon in lexicons}


def extended(
    lexicon: Lexicon, *, backchannels: Iterable[str] = (), stop_words: Iterable[str] = ()
) -> Lexicon:
    """``lexicon`` with a user's own words added."""
    return replace(
        lexicon,
        backchannels=lexicon.backchannels | {normal(word) for word in backchannels},
        stop_words=lexicon.stop_words | {normal(word) for word in stop_words},
    )


def of_text(lexicons: Mapping[str, Lexicon], text: str) -> Lexicon:
    """The list of the language ``text`` is written in; the empty one where there is none."""
    language = "zh" if is_mandarin(text) else "en"
    return lexicons.get(language, Lexicon(language))


def _longest(words: tuple[str, ...], at: int, phrases: Phrases, longest: int) -> int:
    for n in range(min(longest, len(words) - at), 0, -1):
        if " ".join(words[at : at + n]) in phrases:
            return n
    return 0


def _n_longest(phrases: Phrases) -> int:
    return max((phrase.count(" ") + 1 for phrase in phrases), default=0)


def n_backchannel_words(lexicon: Lexicon, words: tuple[str, ...]) -> int:
    """How many words from the start are covered by backchannels."""
    at, longest = 0, _n_longest(lexicon.backchannels)
    while at < len(words) and (n := _longest(words, at, lexicon.backchannels, longest)):
        at += n
    return at


def n_words_after(words: tuple[str, ...], phrases: Phrases) -> int | None:
    """How many words follow the last of ``phrases``; None where none of them occurs."""
    longest = _n_longest(phrases)
    for at in range(len(words) - 1, -1, -1):
        if n := _longest(words, at, phrases, longest):
            return len(words) - at - n
    return None


def is_backchannel(lexicon: Lexicon, text: str) -> bool:
    """Nothing but backchannels, and at least one."""
    words = tokens(text)
    return bool(words) and n_backchannel_words(lexicon, words) == len(words)


def has_stop_word(lexicon: Lexicon, text: str) -> bool:
    """A stop word that is not negated, anywhere."""
    words, longest = tokens(text), _n_longest(lexicon.stop_words)
    for at in range(len(words)):
        if _longest(words, at, lexicon.stop_words, longest):
            before = {" ".join(words[max(0, at - n) : at]) for n in (1, 2)}
            if not before & lexicon.stop_word_negations:
                return True
    return False
