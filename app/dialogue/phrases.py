"""Whether an utterance consists of known phrases and nothing else."""

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")

_LETTERS_TO_TELL = 4  # shorter words have too many neighbours

# What people put around an order without changing it.
_COURTESIES = (
    "please", "okay", "ok", "now", "hey", "oh", "um", "uh", "parley",
    "请", "请你", "你", "先", "快", "吧", "了", "啊", "好", "好了",
)  # fmt: skip


def words(text: str) -> tuple[str, ...]:
    """Return case-folded words without punctuation; one a character where there are no spaces.

    "Mm-hm, I'm" gives ("mm", "hm", "i'm").
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    spaced = _UNSPACED.sub(lambda match: f" {match.group()} ", folded)
    return tuple(_WORD.findall(spaced))


def is_stop_phrase(text: str, phrases: Iterable[str]) -> bool:
    """Return whether this is only an order to stop, perhaps repeated ("Please stop. Stop.")."""
    orders = _split(phrases)
    spoken = words(text)
    has_order = any(
        spoken[at : at + len(order)] == order for order in orders for at in range(len(spoken))
    )
    return has_order and _is_made_of(spoken, orders | _split(_COURTESIES))


def sounds_like_stop_word(text: str, phrases: Iterable[str]) -> bool:
    """Return whether this is one word, one letter off an order: "Top." may be a misheard "stop"."""
    spoken = words(text)
    if len(spoken) != 1:
        return False
    orders = (split[0] for split in _split(phrases) if len(split) == 1)
    return any(
        len(order) >= _LETTERS_TO_TELL and _is_one_letter_off(spoken[0], order) for order in orders
    )


def _is_one_letter_off(word: str, order: str) -> bool:
    shorter, longer = sorted((word, order), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    at = next((i for i, c in enumerate(shorter) if c != longer[i]), len(shorter))
    return shorter[at + (len(shorter) == len(longer)) :] == longer[at + 1 :]


def is_backchannel(text: str, phrases: Iterable[str]) -> bool:
    """Return whether these are only acknowledgements, perhaps several ("Yeah, mm-hm.")."""
    spoken = words(text)
    return bool(spoken) and _is_made_of(spoken, _split(phrases))


def _split(phrases: Iterable[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(split for split in map(words, phrases) if split)


def _is_made_of(spoken: tuple[str, ...], phrases: frozenset[tuple[str, ...]]) -> bool:
    """Whether some sequence of phrases is exactly what was spoken."""
    reachable = {0}
    for end in range(1, len(spoken) + 1):
        if any(
            end - len(phrase) in reachable and spoken[end - len(phrase) : end] == phrase
            for phrase in phrases
        ):
            reachable.add(end)
    return len(spoken) in reachable
