"""When each word of a reply sounds, estimated: the model writes text and sound side by side and
marks no words.

The text runs ahead of the sound. A word sounds no earlier than its text was written; its length is
estimated from its letters.
"""

import re
from collections import deque
from dataclasses import dataclass

from model.events import Mark

# Median pace of read speech: a word takes its letters and a gap, an ideograph a syllable.
_S_PER_LETTER = 0.062
_S_PER_GAP = 0.06
_S_PER_IDEOGRAPH = 0.22
_S_PER_SENTENCE_END = 0.25
_WORD = re.compile(r"[^\s\u4e00-\u9fff]+|[\u4e00-\u9fff][^\w\s]*")
_IDEOGRAPH = re.compile(r"[\u4e00-\u9fff]")
_SENTENCE_END = re.compile(r"[.!?。！？]$")


@dataclass(frozen=True, slots=True)
class _Word:
    text_start: int
    text_end: int
    seconds: float


class WordTiming:
    """The marks of one reply; every word gets one, in order, none before its text.

    Attributes:
        rate: speaking rate; 1.0 is the voice's own.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate = 1.0
        self._rate_hz = rate_hz
        self._text = ""
        self._known_to = 0  # offset up to which words are complete
        self._words: deque[_Word] = deque()
        self._sounds_from = 0  # sample at which the next word begins

    @property
    def has_words(self) -> bool:
        """Whether a word still waits for its mark."""
        return bool(self._words) or bool(self._text[self._known_to :].strip())

    def write(self, text: str) -> None:
        """Take more text of the reply; its last word may still grow."""
        self._text += text
        for match in _WORD.finditer(self._text, self._known_to):
            if match.end() == len(self._text):
                break
            self._take(match)

    def sound(self, start: int, end: int) -> tuple[Mark, ...]:
        """Return the marks of words that begin in samples [start, end); each ends there at most."""
        marks: list[Mark] = []
        at = max(start, self._sounds_from)
        while self._words and at < end:
            word = self._words.popleft()
            until = at + round(word.seconds / self.rate * self._rate_hz)
            marks.append(Mark(word.text_start, word.text_end, at, min(end, until)))
            at = until
        self._sounds_from = at
        return tuple(marks)

    def finish(self, start: int, end: int) -> tuple[Mark, ...]:
        """Return the marks of all remaining words, in samples [start, end)."""
        for match in _WORD.finditer(self._text, self._known_to):
            self._take(match)
        if not self._words:
            return ()
        total_s = sum(word.seconds for word in self._words)
        at = float(start)
        marks: list[Mark] = []
        for word in self._words:
            until = at + (end - start) * word.seconds / total_s
            marks.append(Mark(word.text_start, word.text_end, int(at), int(until)))
            at = until
        self._words.clear()
        return tuple(marks)

    def _take(self, match: re.Match[str]) -> None:
        self._known_to = match.end()
        self._words.append(_Word(match.start(), match.end(), _seconds(match.group())))


def _seconds(word: str) -> float:
    spelled_s = _S_PER_LETTER * len(word) + _S_PER_GAP
    seconds = _S_PER_IDEOGRAPH if _IDEOGRAPH.match(word) else spelled_s
    return seconds + (_S_PER_SENTENCE_END if _SENTENCE_END.search(word) else 0.0)
