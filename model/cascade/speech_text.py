"""Makes displayed text speakable: no markdown, no emoji, symbols in words; offsets are kept.

Numbers, units, dates and currency are read by the phonemizer's own normaliser (hibari); this module
removes what must not be read and spells out what that one does not know.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass

# One alternative per thing; the first group that matched says what stays.
_LINK = r"!?\[(?P<label>[^\]]*)\]\([^)\s]*\)"
_URL = r"(?:https?://|www\.)\S*[\w/]"
_MARKUP = r"(?:^|(?<=\n))[ \t]*(?:#{1,6}|[-*+>]|\d{1,2}[.)](?=\s+\S+\s+\S))[ \t]+|`+|\*+|~~|__+"
_PICTURES = "\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff"
_JOINERS = "\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f"
_EMOJI = f"[{_PICTURES}{_JOINERS}]+"
_TOKEN = re.compile(f"{_LINK}|(?P<url>{_URL})|(?P<markup>{_MARKUP})|(?P<emoji>{_EMOJI})")
_WORD = re.compile(r"\S+")
_CORE = re.compile(r"[^\W_]+")

_SPELLED: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\be\.g\.,?", re.IGNORECASE), "for example,"),
    (re.compile(r"\bi\.e\.,?", re.IGNORECASE), "that is,"),
    (re.compile(r"\bm/s\b"), "meters per second"),
    (re.compile(r"\bw/o\b"), "without"),
    (re.compile(r"(?<=\w)/(?=[A-Za-z])"), " or "),
    (re.compile(r"[_|<>{}\\^=]+"), " "),
    (re.compile(r"[\[\]()]"), ", "),
    (re.compile(r"\s*,(?:\s*,)+"), ","),
    (re.compile(r",\s*(?=[.!?;:])"), ""),
    (re.compile(r"^[\s,;:.!?]+"), ""),
)


@dataclass(frozen=True, slots=True)
class Span:
    """text[start:end] of the displayed text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpokenText:
    """What the phonemizer gets.

    Attributes:
        sources: the displayed text that each white-space-separated word of ``text`` stands for.
    """

    text: str
    sources: tuple[Span, ...]


def spoken(displayed: str, normalize: Callable[[str], str]) -> SpokenText:
    """Return what to say for ``displayed``; ``normalize`` reads numbers, units and the like."""
    visible = _visible_words(displayed)
    plain = " ".join(text for text, _ in visible)
    for pattern, replacement in _SPELLED:
        plain = pattern.sub(replacement, plain)
    text = normalize(plain).strip() if re.search(r"\w", plain) else ""
    return SpokenText(text, tuple(_aligned(text.split(), visible)))


def _visible_words(displayed: str) -> list[tuple[str, Span]]:
    """Return the words to be heard with their places; markup is cut out, also inside words."""
    kept = bytearray(b"\x01" * len(displayed))
    for match in _TOKEN.finditer(displayed):
        kept[match.start() : match.end()] = bytes(match.end() - match.start())
        if match["label"] is not None:
            begin, end = match.span("label")
            kept[begin:end] = b"\x01" * (end - begin)
    words: list[tuple[str, Span]] = []
    for match in _WORD.finditer(displayed):
        places = [i for i in range(match.start(), match.end()) if kept[i]]
        text = "".join(displayed[i] for i in places)
        if text:
            words.append((text, Span(places[0], places[-1] + 1)))
    return words


def _aligned(words: list[str], visible: list[tuple[str, Span]]) -> list[Span]:
    """Match equal words; what was rewritten in between shares the place it came from."""
    if not visible:
        return []
    matcher = difflib.SequenceMatcher(
        None, [_core(word) for word in words], [_core(text) for text, _ in visible], autojunk=False
    )
    aligned: list[Span] = []
    for tag, a_begin, a_end, b_begin, b_end in matcher.get_opcodes():
        n = a_end - a_begin
        if tag == "equal":
            aligned += [place for _, place in visible[b_begin:b_end]]
        else:
            aligned += [_shared(i, n, visible, b_begin, b_end) for i in range(n)]
    return aligned


def _shared(
    index: int, n_spoken: int, visible: list[tuple[str, Span]], begin: int, end: int
) -> Span:
    """Return the part of visible[begin:end] for spoken word ``index`` of ``n_spoken``."""
    if begin == end:  # said but not shown: belongs to the word before it
        nearest = visible[max(0, begin - 1)][1]
        return Span(nearest.end, nearest.end)
    n_shown = end - begin
    first = begin + index * n_shown // n_spoken
    last = begin + max((index + 1) * n_shown - 1, 0) // n_spoken
    last = min(max(first, last), end - 1)
    return Span(visible[first][1].start, visible[last][1].end)


def _core(word: str) -> str:
    return "".join(_CORE.findall(word)).lower()
