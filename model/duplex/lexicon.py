"""Words that carry turn-taking: backchannels, stop words, words that ask for more."""

import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec.structs import replace

from model.errors import ModelError
from model.files.records import read_toml

DEFAULT_FOLDER = Path(__file__).resolve().parents[2] / "resources" / "duplex"

_CJK = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

Phrases = frozenset[str]
EMPTY: Phrases = frozenset()


class LexiconError(ModelError):
    """A word list that cannot be read; the message names file, key and remedy."""


class Lexicon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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

    language: Annotated[str, msgspec.Meta(min_length=1)]
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


LIST_KEYS = tuple(key for key in Lexicon.__struct_fields__ if key != "language")


def is_mandarin(text: str) -> bool:
    """Return whether there is any Chinese character."""
    return _CJK.search(text) is not None


def tokens(text: str) -> tuple[str, ...]:
    """Return the words in lower case without punctuation; in Mandarin, each character.

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
    """Return the form in which phrases are kept and looked up."""
    return " ".join(tokens(phrase))


def read_lexicon(path: Path) -> Lexicon:
    """Read one word list. Raises LexiconError, which names file and key."""
    raw = read_toml(path, Lexicon, LexiconError, remedy="restore the file or remove it")
    lists: dict[str, Phrases] = {key: getattr(raw, key) for key in LIST_KEYS}
    return replace(raw, **{key: _normal(phrases) for key, phrases in lists.items()})


def _normal(phrases: Iterable[str]) -> Phrases:
    return frozenset(phrase for phrase in map(normal, phrases) if phrase)


def read_lexicons(folder: Path = DEFAULT_FOLDER) -> dict[str, Lexicon]:
    """Read all ``*.toml`` of ``folder`` by language. Raises LexiconError, also for none."""
    lexicons = [read_lexicon(path) for path in sorted(folder.glob("*.toml"))]
    if not lexicons:
        raise LexiconError(f"{folder}: no word list (*.toml) here; reinstall the application")
    return {lexicon.language: lexicon for lexicon in lexicons}


def extended(
    lexicon: Lexicon, *, backchannels: Iterable[str] = (), stop_words: Iterable[str] = ()
) -> Lexicon:
    """Return ``lexicon`` with a user's own words added."""
    return replace(
        lexicon,
        backchannels=lexicon.backchannels | _normal(backchannels),
        stop_words=lexicon.stop_words | _normal(stop_words),
    )


def of_text(lexicons: Mapping[str, Lexicon], text: str) -> Lexicon:
    """Return the list of the language that ``text`` is written in; an empty one for none."""
    language = "zh" if is_mandarin(text) else "en"
    return lexicons.get(language, Lexicon(language))


def _longest(words: tuple[str, ...], at: int, phrases: Phrases, longest: int) -> int:
    for n in range(min(longest, len(words) - at), 0, -1):
        if " ".join(words[at : at + n]) in phrases:
            return n
    return 0


def _n_longest(phrases: Phrases) -> int:
    return max((phrase.count(" ") + 1 for phrase in phrases), default=0)


def n_words_after(words: tuple[str, ...], phrases: Phrases) -> int | None:
    """Return how many words follow the last of ``phrases``; None where none of them occurs."""
    longest = _n_longest(phrases)
    for at in range(len(words) - 1, -1, -1):
        if n := _longest(words, at, phrases, longest):
            return len(words) - at - n
    return None


def n_digits(word: str, lexicon: Lexicon) -> int:
    """Return how many digits ``word`` stands for; 1 for a number word, 0 for any other."""
    return len(word) if word.isdigit() else int(word in lexicon.number_words)


def digits_at_end(words: tuple[str, ...], lexicon: Lexicon) -> tuple[int, ...]:
    """Return the digits of each of the numbers at the end, the last one first."""
    return tuple(takewhile(bool, (n_digits(word, lexicon) for word in reversed(words))))


def is_backchannel(lexicon: Lexicon, text: str) -> bool:
    """Return whether ``text`` is nothing but backchannels, and at least one."""
    words, at, longest = tokens(text), 0, _n_longest(lexicon.backchannels)
    while at < len(words) and (n := _longest(words, at, lexicon.backchannels, longest)):
        at += n
    return 0 < at == len(words)


def has_stop_word(lexicon: Lexicon, text: str) -> bool:
    """Return whether a stop word that is not negated stands anywhere in ``text``."""
    words, longest = tokens(text), _n_longest(lexicon.stop_words)
    for at in range(len(words)):
        if _longest(words, at, lexicon.stop_words, longest):
            before = {" ".join(words[max(0, at - n) : at]) for n in (1, 2)}
            if not before & lexicon.stop_word_negations:
                return True
    return False
