"""The labelled words a text head is trained on: is the turn complete here, or is more to come?

Turns are made up by a small grammar (``made_turns.toml``) or published by others. Each word is a
place where the speaker might pause; only the last word of a turn is its end, even where an inner
one closes a sentence.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.duplex.lexicon import Lexicon
from model.duplex.text_turn_detector import spoken_words
from model.training.duplex import read_tables
from model.training.duplex.text_head.published_texts import WrittenTurn, published_turns

_GRAMMAR = read_tables("made_turns.toml")
PARTS = _GRAMMAR["parts"]
FAMILIES = _GRAMMAR["families"]
_GAP = re.compile(r"\{(\w+)\}")
_TRIES = 6  # per wanted text; families with few forms run dry


def expanded(template: str, rng: random.Random) -> str:
    """Return ``template`` with all gaps filled, inner ones too."""
    while _GAP.search(template):
        template = _GAP.sub(lambda gap: rng.choice(PARTS[gap[1]]), template)
    return template


def made_turns(n: int, seed: int) -> list[WrittenTurn]:
    """Return up to ``n`` distinct made-up turns; every template has an equal share."""
    rng = random.Random(seed)  # noqa: S311 - texts, not secrets
    templates = [(name, line) for name, lines in FAMILIES.items() for line in lines]
    found: dict[str, WrittenTurn] = {}
    for _ in range(_TRIES):
        rng.shuffle(templates)
        for name, line in templates * max(1, n // len(templates)):
            if len(found) >= n:
                return list(found.values())
            text = expanded(line, rng)
            found.setdefault(text.lower(), WrittenTurn("made", f"{name}/{line}", text))
    return list(found.values())


SHARES = {"made": 0.40, "requests": 0.22, "prose": 0.29, "talk": 0.09}
"""Share of each source. Requests of a single booking service must not drown the others."""


def corpus(folder: Path, n: int, seed: int) -> list[WrittenTurn]:
    """Return up to ``n`` turns in random order; ``folder`` holds the fetched files.

    A corpus of a smaller ``n`` has the same kinds of text, not the same texts.
    """
    rng = random.Random(seed)  # noqa: S311 - texts, not secrets
    published = published_turns(folder, seed)
    chosen = made_turns(round(n * SHARES["made"]), seed)
    for source in ("requests", "prose", "talk"):
        turns = [turn for turn in published if turn.source == source]
        rng.shuffle(turns)
        chosen += turns[: round(n * SHARES[source])]
    rng.shuffle(chosen)
    return chosen


UNUSED = -1

# How much more often people stop at a place than at any other inside a turn: behind sentences
# and commas, before a word that opens a phrase, and (searching) behind a word that wants another.
# Set by hand after the pauses of read speech; the order matters, the sizes hardly do.
_AT_ANY = 1.0
_BEHIND = {".": 4.0, ",": 2.5, "": 0.0}
_BEFORE_AN_OPENER = 1.0
_BEHIND_A_FUNCTION_WORD = 0.5

_P_MISHEARD = 0.12  # of turns get a copy with one inner word wrong or missing
_P_CUT_OFF = 0.12  # get a copy that ends inside a word
_SHORTEST_CUT = 5  # letters

_SENTENCE = re.compile(r"[.!?]")
_COMMA = re.compile(r"[,;:]|--")
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A turn as a recogniser might write it.

    Attributes:
        labels: int8 (n_words,): 1 complete, 0 not yet, -1 not used.
        weights: float32 (n_words,): how likely a speaker pauses here, relative to other places.
    """

    source: str
    family: str
    words: tuple[str, ...]
    labels: npt.NDArray[np.int8]
    weights: npt.NDArray[np.float32]


def examples(
    turns: Iterable[WrittenTurn], lexicon: Lexicon, seed: int, *, is_augmented: bool
) -> list[Example]:
    """Return one example per distinct text, and copies with a recogniser's mistakes."""
    rng = random.Random(seed)  # noqa: S311 - texts, not secrets
    seen: set[tuple[str, ...]] = set()
    found: list[Example] = []
    for turn in turns:
        words = spoken_words(turn.text)
        if not words or words in seen:
            continue
        seen.add(words)
        plain = _example(turn, words, lexicon)
        found.append(plain)
        if is_augmented and len(words) > 3:
            if rng.random() < _P_MISHEARD:
                found.append(_misheard(plain, rng))
            if rng.random() < _P_CUT_OFF:
                found.extend(_cut_off(plain, rng))
    return found


def _example(turn: WrittenTurn, words: tuple[str, ...], lexicon: Lexicon) -> Example:
    labels = np.zeros(len(words), np.int8)
    labels[-1] = 1
    openers = lexicon.conjunctions | lexicon.prepositions | lexicon.particles
    open_ends = lexicon.articles | lexicon.prepositions | lexicon.conjunctions | lexicon.auxiliaries
    weights = np.full(len(words), _AT_ANY, np.float32)
    for i, mark in enumerate(_marks(turn.text)[:-1]):
        weights[i] += _BEHIND[mark]
        weights[i] += _BEFORE_AN_OPENER * (words[i + 1] in openers)
        weights[i] += _BEHIND_A_FUNCTION_WORD * (words[i] in open_ends)
    return Example(turn.source, turn.family, words, labels, weights)


def _marks(text: str) -> list[str]:
    """Return what stands behind each word: ".", "," or ""."""
    plain = text.lower().replace("\u2019", "'")
    found = list(_WORD.finditer(plain))
    marks: list[str] = []
    for word, following in zip(found, [*found[1:], None], strict=True):
        gap = plain[word.end() : following.start() if following else len(plain)]
        marks.append("." if _SENTENCE.search(gap) else "," if _COMMA.search(gap) else "")
    return marks


def _misheard(example: Example, rng: random.Random) -> Example:
    """Lose one inner word, or put another word of the same text in its place."""
    at = rng.randrange(len(example.words) - 1)
    before, after = example.words[:at], example.words[at + 1 :]
    if rng.random() < 0.5:
        keep = np.arange(len(example.words)) != at
        return replace(
            example,
            words=before + after,
            labels=example.labels[keep],
            weights=example.weights[keep],
        )
    return replace(example, words=(*before, rng.choice(example.words), *after))


def _cut_off(example: Example, rng: random.Random) -> list[Example]:
    """Break off inside a word: its beginning is the last that was heard."""
    long = [i for i, word in enumerate(example.words) if len(word) >= _SHORTEST_CUT]
    if not long:
        return []
    at = rng.choice(long)
    word = example.words[at]
    words = (*example.words[:at], word[: rng.randrange(2, len(word) - 2)])
    labels = np.full(at + 1, UNUSED, np.int8)
    labels[-1] = 0
    return [replace(example, words=words, labels=labels, weights=np.ones(at + 1, np.float32))]


def balanced(
    found: Sequence[Example], shares: Mapping[str, float]
) -> list[npt.NDArray[np.float32]]:
    """Return weights so that each source has its share, half of it on ends, half on the rest."""
    totals: dict[tuple[str, int], float] = {}
    for example in found:
        for label in (0, 1):
            key = (example.source, label)
            part = float(example.weights[example.labels == label].sum())
            totals[key] = totals.get(key, 0.0) + part
    result: list[npt.NDArray[np.float32]] = []
    for example in found:
        weights = np.zeros_like(example.weights)
        for label in (0, 1):
            is_label = example.labels == label
            total = totals[example.source, label]
            share = shares[example.source] / 2
            weights[is_label] = example.weights[is_label] * share / max(total, 1e-9)
        result.append(weights)
    return result
