"""A caption line as pieces of text with a meaning. Pure; knows no widget and no colour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from app.snapshot import CaptionLine


class Meaning(Enum):
    """Why a piece looks different from plain text."""

    PLAIN = auto()
    PARTIAL = auto()  # recognised so far, may still change
    CURRENT_WORD = auto()  # being heard now
    UNHEARD = auto()  # planned, not heard yet
    CUT = auto()  # the remark that the reply was interrupted


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    meaning: Meaning


def pieces_of(line: CaptionLine, interrupted_remark: str) -> tuple[Piece, ...]:
    """``interrupted_remark`` stands after the last word heard of a reply that was cut."""
    text = " ".join(line.text.split("\n"))
    if line.role == "user":
        meaning = Meaning.PLAIN if line.is_final else Meaning.PARTIAL
        return (Piece(text, meaning),)
    if line.was_cut:
        heard = text[: line.heard_chars] if line.heard_chars else text
        return (Piece(heard.rstrip(), Meaning.PLAIN), Piece(interrupted_remark, Meaning.CUT))
    if line.is_final:
        return (Piece(text, Meaning.PLAIN),)
    return _being_spoken(text, line.heard_chars, line.word_end)


def _being_spoken(text: str, heard_chars: int, word_end: int) -> tuple[Piece, ...]:
    end = min(len(text), max(heard_chars, word_end))
    start = _word_start(text, end) if word_end else end
    pieces = (
        Piece(text[:start], Meaning.PLAIN),
        Piece(text[start:end], Meaning.CURRENT_WORD),
        Piece(text[end:], Meaning.UNHEARD),
    )
    return tuple(piece for piece in pieces if piece.text)


def _word_start(text: str, end: int) -> int:
    """Where the word ending at ``end`` begins; a script without spaces is marked by character."""
    while end and text[end - 1].isspace():
        end -= 1
    start = end
    while start and not text[start - 1].isspace():
        start -= 1
        if ord(text[start]) > 0x2E7F and end - start >= 2:  # CJK: no spaces between words
            break
    return start
