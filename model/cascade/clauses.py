"""Cuts a growing reply into clauses that can be spoken one after the other.

The first clause is short, so that sound starts early; later ones are whole sentences or long
phrases. Fed token by token or all at once, the clauses are the same.
"""

import re
from dataclasses import dataclass

_FIRST_WORDS = 4  # the first clause may end before a joining word from here on
_FIRST_AT_MOST_WORDS = 6
_PHRASE_WORDS = 8  # a later clause may end at a comma from here on
_AT_MOST_WORDS = 28  # about ten seconds of speech
_COMMA_FIRST_WORDS = 2  # "Well, ..." alone sounds clipped
_CJK_AT_MOST = 40  # characters; Mandarin has no spaces
_CJK_FIRST = 6

_SENTENCE_ENDS = frozenset(".!?…")
_PHRASE_ENDS = frozenset(",;:—–")
_LIST_MARKS = frozenset(",;")  # behind a letter they end a phrase whatever follows
_CJK_SENTENCE_ENDS = frozenset("。！？")
_CJK_PHRASE_ENDS = frozenset("，；：、")
_CLOSERS = frozenset("\"'”’)]*")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_JOINING_WORDS = _words(
    "and but or so because which that who when where while if to of in on at for with from by as "
    "than into about through during"
)
_ABBREVIATIONS = _words(
    "mr mrs ms dr prof sr jr st vs etc e.g i.e a.m p.m u.s u.k no approx dept fig inc ltd co jan "
    "feb mar apr jun jul aug sep sept oct nov dec mt ft oz lb lbs hr min sec vol"
)
_ABBREVIATIONS_THAT_MAY_END = _words("etc a.m p.m u.s u.k inc ltd jr sr")
_HAS_LETTER = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece [start, end) of the reply, without the white space around it."""

    text: str
    start: int
    end: int


class ClauseSplitter:
    """Turns text deltas into clauses as soon as those cannot change any more."""

    def __init__(self) -> None:
        self._text = ""
        self._start = 0
        self._scan = 0
        self._n_clauses = 0

    @property
    def text(self) -> str:
        """Return all text so far."""
        return self._text

    def push(self, delta: str) -> list[Clause]:
        """Take more text; return the clauses that are complete now."""
        self._text += delta
        return self._complete(is_final=False)

    def finish(self) -> list[Clause]:
        """Return what is left at the end of the text."""
        clauses = self._complete(is_final=True)
        last = self._take(len(self._text))
        return [*clauses, last] if last else clauses

    def _complete(self, is_final: bool) -> list[Clause]:
        """Look at each character once, when enough of what follows it is known."""
        clauses: list[Clause] = []
        while self._scan < len(self._text):
            cut = self._cut_at(self._scan, is_final)
            if cut is None:
                break
            self._scan += 1
            if cut and (clause := self._take(self._scan)):
                clauses.append(clause)
        return clauses

    def _take(self, end: int) -> Clause | None:
        piece = self._text[self._start : end]
        if not _HAS_LETTER.search(piece):
            return None
        start = self._start + len(piece) - len(piece.lstrip())
        self._start = self._scan = end
        self._n_clauses += 1
        text = piece.strip()
        return Clause(text, start, start + len(text))

    def _cut_at(self, at: int, is_final: bool) -> bool | None:
        """Return whether a clause ends after character ``at``; None: more text must tell."""
        char = self._text[at]
        if char in _CJK_SENTENCE_ENDS:
            return True
        if is_cjk(char) or char in _CJK_PHRASE_ENDS:
            return self._cut_cjk(at, char)
        if char == "\n":
            return True
        if char in _LIST_MARKS and self._n_clauses == 0:
            return self._cut_at_mark(at)
        if not char.isspace():
            return False
        following, is_whole = self._following(at + 1)
        return self._cut_before(at, following, is_whole or is_final)

    def _cut_at_mark(self, at: int) -> bool:
        """Decide at a mark: the first clause need not wait for the space behind it."""
        words = self._text[self._start : at].split()
        return len(words) >= _COMMA_FIRST_WORDS and self._text[at - 1].isalpha()

    def _cut_cjk(self, at: int, char: str) -> bool:
        length = at + 1 - self._start
        if char in _CJK_PHRASE_ENDS:
            return length >= (_CJK_FIRST if self._n_clauses == 0 else 2 * _CJK_FIRST)
        return length >= _CJK_AT_MOST

    def _cut_before(self, space_at: int, following: str, is_whole: bool) -> bool | None:
        """Decide at a space, knowing the word before it and the beginning of the one after it."""
        words = self._text[self._start : space_at].split()
        if not words:
            return False
        last = words[-1].rstrip("".join(_CLOSERS))
        is_first = self._n_clauses == 0
        if last[-1:] in _PHRASE_ENDS:
            return len(words) >= (_COMMA_FIRST_WORDS if is_first else _PHRASE_WORDS)
        if not following and not is_whole:
            return None
        if last[-1:] in _SENTENCE_ENDS:
            return _ends_sentence(last, following)
        if not is_first:
            return len(words) >= _AT_MOST_WORDS
        if last.lower() in _JOINING_WORDS or following[:1].isdigit() or last[-1:].isdigit():
            return False
        if not _FIRST_WORDS <= len(words) < _FIRST_AT_MOST_WORDS:
            return len(words) >= _FIRST_AT_MOST_WORDS
        return following.lower() in _JOINING_WORDS if is_whole else _joins_or_not(following)

    def _following(self, at: int) -> tuple[str, bool]:
        """Return the word from ``at`` on as far as it is known, and whether that is all of it."""
        word = self._text[at:].lstrip()
        end = next((i for i, char in enumerate(word) if char.isspace()), None)
        if end is not None:
            return word[:end], True
        return (word[:1], True) if word and is_cjk(word[0]) else (word, False)


def _joins_or_not(beginning: str) -> bool | None:
    """Return False for the beginning of a word that cannot become a joining one, else None."""
    start = beginning.lower()
    return None if any(word.startswith(start) for word in _JOINING_WORDS) else False


def is_cjk(char: str) -> bool:
    """Return whether the character is a Chinese ideograph."""
    return "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf"


def _ends_sentence(word: str, following: str) -> bool:
    """Return whether ``word``, which ends in a full stop or the like, ends a sentence."""
    if word[-1] != "." or word.endswith("..."):
        return not following[:1].islower()
    stem = word[:-1].lstrip("\"'“‘([").lower()
    if len(stem) == 1 and stem.isalpha() and stem != "i":
        return False
    if stem in _ABBREVIATIONS_THAT_MAY_END:
        return following[:1].isupper()
    if stem in _ABBREVIATIONS or (stem.isdigit() and not following[:1].isupper()):
        return False
    return not following[:1].islower()
