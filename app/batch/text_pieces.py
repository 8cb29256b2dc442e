"""Cuts a long text where a speaker would breathe, so that a book is spoken piece by piece.

Knows nothing of voices or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

PIECE_CHARACTERS = 400  # about 25 s of English; a model speaks that much without losing its place
_ENDS = (
    re.compile(r"\n\s*"),
    re.compile(r"[.!?…][\"'”’)]*\s+|[。！？][”’」』）]*"),
    re.compile(r"[,;:—]\s+|[，；：、]"),
    re.compile(r"\s+"),
)  # best first


def pieces(text: str, at_most: int = PIECE_CHARACTERS) -> Iterator[str]:
    """Yields all of ``text``, white space at the joints aside, in pieces of ``at_most``."""
    start, end = 0, len(text)
    while end - start > at_most:
        cut = _cut(text, start, start + at_most)
        if piece := text[start:cut].strip():
            yield piece
        start = cut
    if piece := text[start:].strip():
        yield piece


def _cut(text: str, start: int, stop: int) -> int:
    """The last good place in the second half, else the last one at all."""
    middle = (start + stop) // 2
    for lowest in (middle, start):
        for kind in _ENDS:
            ends = [match.end() for match in kind.finditer(text, start, stop)]
            fitting = [end for end in ends if end > lowest]
            if fitting:
                return fitting[-1]
    return stop
