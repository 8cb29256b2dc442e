"""Which of the words that were heard are the assistant's own: it knows what it said, and when.

Echo that the canceller left is read like any voice. What was said a moment ago, or is just being
said, is no user. Words are misheard, so they are compared by their letters, in order. A user who
says a word of ours is believed: one or two words are ours only if we said them just then.
"""

import re
import unicodedata
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+(?:['\u2019][^\W_]+)*")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_SAME = 0.6  # similarity of two words from which one may be the other, misheard
_NEAR = 0.8  # the same where there are only one or two words to go by
_FEW_WORDS = 2
_OWN_SHARE = 0.65  # of the letters heard, from which all of it is ours
_LEAST_OWN_WORDS = 3
_LEAST_RUN_WORDS, _LEAST_RUN_LETTERS = 4, 10  # at one end of what was heard, to be taken away
_MOST_GARBLED_WORDS = 2  # that may be left of our own words when most of them were recognised
_AROUND_S = 0.7  # how far from the user's words ours may be: device, room and recogniser are late
_SHORT_S = 1.0  # one or two words take no longer
_AHEAD_WORDS = 10  # of the reply that come next, ...
_WORD_S = 0.33  # ... each after so long
_KEPT_WORDS = 200
_LETTER_NAMES = {
    "b": "bee", "c": "see", "d": "dee", "g": "gee", "i": "eye", "k": "kay", "o": "oh", "p": "pea",
    "q": "queue", "r": "are", "t": "tea", "u": "you", "v": "vee", "y": "why",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, and where it stands in the text; of Mandarin each character is one."""

    text: str
    begin: int
    end: int

    @property
    def n_letters(self) -> int:
        """Return its weight; a character says as much as two letters."""
        return 2 if _UNSPACED.match(self.text) else len(self.text)


def heard_words(text: str) -> tuple[HeardWord, ...]:
    """Return the words of ``text`` in their order, case-folded."""
    return tuple(
        HeardWord(_folded(found.group()), found.start(), found.end())
        for found in _WORD.finditer(text)
    )


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold().replace("\u2019", "'")


class OwnVoice:
    """Remembers which word of a reply was heard when."""

    def __init__(self) -> None:
        self._said: deque[tuple[float, str]] = deque(maxlen=_KEPT_WORDS)
        self._ahead: tuple[str, ...] = ()
        self._heard: tuple[int, int] = (0, 0)  # generation, and how far into its text
        self._at_s = 0.0

    def said(self, generation: int, text: str, heard_end: int, at_s: float) -> None:
        """The word of ``text`` that ends at ``heard_end`` begins to be heard now."""
        last, begin = self._heard
        begin = begin if last == generation else 0
        for word in heard_words(text[begin:heard_end]):
            self._said.append((at_s, word.text))
        coming = heard_words(text[heard_end : heard_end + 16 * _AHEAD_WORDS])
        self._ahead = tuple(word.text for word in coming[:_AHEAD_WORDS])
        self._heard, self._at_s = (generation, max(begin, heard_end)), at_s

    def ended(self, at_s: float) -> None:
        """The reply is silent: what would have come next will not."""
        self._ahead = ()
        self._at_s = at_s

    def of_user(self, text: str, since_s: float, until_s: float, stops: Sequence[str] = ()) -> str:
        """Return ``text`` without our own words; "" where they are all there is.

        Args:
            since_s: where the voice began, ``until_s`` where the sound that was read ends.
            stops: words that are the user's unless we have just said them.
        """
        heard = heard_words(text)
        if len(heard) <= _FEW_WORDS:
            until_s = min(until_s, since_s + _SHORT_S)
        own = self._around(since_s - _AROUND_S, until_s + _AROUND_S)
        return without_own_words(text, own, stops)

    def _around(self, begin_s: float, end_s: float) -> tuple[str, ...]:
        said = [word for at_s, word in self._said if begin_s <= at_s <= end_s]
        n_ahead = int(max(0.0, end_s - self._at_s) / _WORD_S)
        return (*said, *(self._ahead[:n_ahead] if end_s >= self._at_s >= begin_s else ()))


def without_own_words(text: str, own: Sequence[str], stops: Sequence[str] = ()) -> str:
    """Return what of ``text`` is not ``own``, our words of that time in their order."""
    heard = heard_words(text)
    if not heard or not own:
        return text
    if len(heard) <= _FEW_WORDS:
        return "" if _are_said(heard, own) else text
    matches = _aligned(heard, own)
    strange = [word.text for word, same in zip(heard, matches, strict=True) if same < _SAME]
    keeps_order = not set(strange) & set(stops)
    share = sum(w.n_letters * same for w, same in zip(heard, matches, strict=True))
    share /= sum(word.n_letters for word in heard)
    n_own = len(heard) - len(strange)
    if n_own >= _LEAST_OWN_WORDS and share >= _OWN_SHARE and keeps_order:
        return ""
    begin, end = _without_ends(heard, matches)
    if (begin, end) == (0, len(heard)):
        return text
    is_garbled = end - begin <= _MOST_GARBLED_WORDS and keeps_order
    if begin >= end or is_garbled:
        return ""
    return text[heard[begin].begin : _end_of(text, heard, end)].strip()


def _end_of(text: str, heard: Sequence[HeardWord], end: int) -> int:
    """With the sign that follows the last word."""
    return len(text) if end == len(heard) else heard[end - 1].end


def _are_said(heard: Sequence[HeardWord], own: Sequence[str]) -> bool:
    n = len(heard)
    return any(
        all(similarity(word.text, own[at + i]) >= _NEAR for i, word in enumerate(heard))
        for at in range(len(own) - n + 1)
    )


def _aligned(heard: Sequence[HeardWord], own: Sequence[str]) -> list[float]:
    """Return how well each word is explained when both are laid along each other in order."""
    n, m = len(heard), len(own)
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    same = [[similarity(word.text, other) for other in own] for word in heard]
    for i in range(n - 1, -1, -1):
        weight = heard[i].n_letters
        for j in range(m - 1, -1, -1):
            taken = weight * same[i][j] + best[i + 1][j + 1] if same[i][j] >= _SAME else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], taken)
    found, i, j = [0.0] * n, 0, 0
    while i < n and j < m:
        taken = heard[i].n_letters * same[i][j] + best[i + 1][j + 1]
        if same[i][j] >= _SAME and best[i][j] <= taken + 1e-9:
            found[i] = same[i][j]
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _without_ends(heard: Sequence[HeardWord], matches: Sequence[float]) -> tuple[int, int]:
    """Return what is left when long enough runs of own words are taken off both ends."""
    begin = _run(heard, matches)
    end = len(heard) - _run(heard[::-1], matches[::-1])
    return (begin, end) if begin <= end else (0, 0)


def _run(heard: Sequence[HeardWord], matches: Sequence[float]) -> int:
    n = next((i for i, same in enumerate(matches) if same < _SAME), len(matches))
    letters = sum(word.n_letters for word in heard[:n])
    is_long = n >= _LEAST_RUN_WORDS or (n >= _LEAST_OWN_WORDS and letters >= _LEAST_RUN_LETTERS)
    return n if is_long else 0


@lru_cache(maxsize=4096)
def similarity(one: str, other: str) -> float:
    """Return 1 for words that are the same, 0 for words without a common letter."""
    one, other = _LETTER_NAMES.get(one, one), _LETTER_NAMES.get(other, other)
    return 1.0 if one == other else SequenceMatcher(None, one, other, autojunk=False).ratio()
