"""Text and audio codes of an answer in turns, in the rhythm in which they are decoded.

Source: VITA-Audio, interleaved training targets. The pattern is that of decoding: counts of text
tokens, and of tokens of an audio segment with its two tags.
"""

from collections.abc import Sequence
from itertools import chain, repeat

from model.training.data.problems import DataError

_TAGS = 2  # of a segment: its begin and its end


def require_pattern(pattern: Sequence[int]) -> None:
    """Raise DataError where ``pattern`` does not give text and audio in turns."""
    shown = " ".join(map(str, pattern)) or "(empty)"
    if not pattern or len(pattern) % 2:
        raise DataError(f"pattern: {shown}: must be pairs of text and audio, such as 1 10 4 10")
    if min(pattern[::2]) < 1 or min(pattern[1::2]) <= _TAGS:
        raise DataError(
            f"pattern: {shown}: each pair needs one text token or more, and an audio segment of "
            "three or more, as its two tags count"
        )


def segment_lengths(n_text: int, n_codes: int, pattern: Sequence[int]) -> list[tuple[int, int]]:
    """Return text tokens and codes of each segment; the last takes all the rest of both."""
    texts = _cut(n_text, pattern[::2])
    codes = _cut(n_codes, [count - _TAGS for count in pattern[1::2]])
    n_segments = min(len(texts), len(codes))
    if n_segments == 0:
        return []
    first = list(zip(texts[: n_segments - 1], codes[: n_segments - 1], strict=True))
    rest = (sum(texts[n_segments - 1 :]), sum(codes[n_segments - 1 :]))
    return [*first, rest]


def interleave(
    text: Sequence[int], codes: Sequence[int], pattern: Sequence[int], begin: int, end: int
) -> list[int]:
    """Return the ids of the answer. Text alone, or audio alone, stays in one piece.

    Args:
        codes: token ids of the audio, without tags.
        begin, end: ids of the tags of a segment.
    """
    if not codes:
        return list(text)
    if not text:
        return [begin, *codes, end]
    ids: list[int] = []
    text_at = codes_at = 0
    for n_text, n_codes in segment_lengths(len(text), len(codes), pattern):
        ids += text[text_at : text_at + n_text]
        ids += (begin, *codes[codes_at : codes_at + n_codes], end)
        text_at += n_text
        codes_at += n_codes
    return ids


def _cut(total: int, sizes: Sequence[int]) -> list[int]:
    """Return the lengths of the pieces; the last size repeats, the last piece may be shorter."""
    pieces: list[int] = []
    for size in chain(sizes, repeat(sizes[-1])):
        if total <= 0:
            break
        pieces.append(min(size, total))
        total -= size
    return pieces
