"""From utterances to labelled words: complete here, or more to come?

Every word of an utterance is a place where its speaker might pause; only the last is its end, also
where an inner one closes a sentence. Knows no model and no sound.

Made-up turns of English speech: requests, questions, orders, stories, dictation, hesitations.

A small grammar: ``{name}`` stands for any line of that name, in the tables here and in
``text_tables``. Knows neither sound nor labels.

The utterances a text head is trained on, in an order whose beginning is as mixed as its end.

Knows no labels; where a text comes from is in ``texts`` and ``text_sources``.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.duplex.lexicon import Lexicon
from model.duplex.text_turn_detector import spoken_words
from model.training.duplex.text_head.sources import Utterance, published_utterances
from model.training.duplex.text_head.texts import FAMILIES, PARTS

_GAP = re.compile(r"\{(\w+)\}")
_SOURCE = "made"
_TRIES = 6  # per wanted text; families with few forms run dry


def expanded(template: str, rng: random.Random) -> str:
    """``template`` with all gaps filled, inner ones too."""
    while _GAP.search(template):
        template = _GAP.sub(lambda gap: rng.choice(PARTS[gap[1]]), template)
    return template


def made_utterances(n: int, seed: int) -> list[Utterance]:
    """Up to ``n`` distinct turns, the same for the same seed; every template has an equal part."""
    rng = random.Random(seed)  # noqa: S311 - texts, not secrets
    templates = [(name, line) for name, lines in FAMILIES.items() for line in lines]
    found: dict[str, Utterance] = {}
    for _ in range(_TRIES):
        rng.shuffle(templates)
        for name, line in templates * max(1, n // len(templates)):
            if len(found) >= n:
                return list(found.values())
            text = expanded(line, rng)
            found.setdefault(text.lower(), Utterance(_SOURCE, f"{name}/{line}", text))
    return list(found.values())


# Part of the corpus by source. Requests of a single booking service must not drown the others.
SHARES = {"made": 0.40, "requests": 0.22, "prose": 0.29, "talk": 0.09}


def corpus(folder: Path, n: int, seed: int) -> list[Utterance]:
    """Up to ``n`` utterances; ``folder`` holds the fetched files.

    A corpus of a smaller ``n`` consists of the same kinds of text, not of the same texts.
    """
    rng = random.Random(seed)  # noqa: S311 - texts, not secrets
    published = published_utterances(folder, seed)
    chosen = made_utterances(round(n * SHARES["made"]), seed)
    for source in ("requests", "prose", "talk"):
        texts = [utterance for utterance in published if utterance.source == source]
        rng.shuffle(texts)
        chosen += texts[: round(n * SHARES[source])]
    rng.shuffle(chosen)
    return chosen


UNUSED = -1

# How much more often people stop at a place than at any other inside a turn: behind sentences
# and commas, before a word that opens a phrase, and (searching) behind a word that wants another.
# Set by hand after the pauses of read speech; the order matters, the sizes hardly do.
_AT_ANY = 1.0
_BEHIND_A_SENTENCE = 4.0
_BEHIND_A_COMMA = 2.5
_BEFORE_AN_OPENER = 1.0
_BEHIND_A_FUNCTION_WORD = 0.5

_P_MISHEARD = 0.12  # of utterances get a copy with one inner word wrong or missing
_P_CUT_OFF = 0.12  # get a copy that ends inside a word
_SHORTEST_CUT = 5  # letters

_SENTENCE = re.compile(r"[.!?]")
_COMMA = re.compile(r"[,;:]|--")
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One reading. ``labels``: int8 (n_words,), 1 complete, 0 not yet, -1 not used."""

    source: str
    family: str
    words: tuple[str, ...]
    labels: npt.NDArray[np.int8]
    weights: npt.NDArray[np.float32]


def examples(
    utterances: Iterable[Utterance], lexicon: Lexicon, seed: int, *, is_augmented: bool
) -> list[Example]:
    """One example per distinct text, and copies as a recogniser would write them."""
    rng = random.Random(seed)  # noqa: S311 - texts, not secrets
    seen: set[tuple[str, ...]] = set()
    found: list[Example] = []
    for utterance in utterances:
        words = spoken_words(utterance.text)
        if not words or words in seen:
            continue
        seen.add(words)
        plain = _example(utterance, words, lexicon)
        found.append(plain)
        if is_augmented and len(words) > 3:
            if rng.random() < _P_MISHEARD:
                found.append(_misheard(plain, rng))
            if rng.random() < _P_CUT_OFF:
                found.extend(_cut_off(plain, rng))
    return found


def _example(utterance: Utterance, words: tuple[str, ...], lexicon: Lexicon) -> Example:
    labels = np.zeros(len(words), np.int8)
    labels[-1] = 1
    marks = _marks(utterance.text)
    openers = lexicon.conjunctions | lexicon.prepositions | lexicon.particles
    open_ends = lexicon.articles | lexicon.prepositions | lexicon.conjunctions | lexicon.auxiliaries
    weights = np.full(len(words), _AT_ANY, np.float32)
    for i, mark in enumerate(marks[:-1]):
        weights[i] += {".": _BEHIND_A_SENTENCE, ",": _BEHIND_A_COMMA, "": 0.0}[mark]
        weights[i] += _BEFORE_AN_OPENER * (words[i + 1] in openers)
        weights[i] += _BEHIND_A_FUNCTION_WORD * (words[i] in open_ends)
    return Example(utterance.source, utterance.family, words, labels, weights)


def _marks(text: str) -> list[str]:
    """What stands behind each word: ".", "," or ""."""
    plain = text.lower().replace("\u2019", "'")
    found = list(_WORD.finditer(plain))
    marks: list[str] = []
    for word, following in zip(found, [*found[1:], None], strict=True):
        gap = plain[word.end() : following.start() if following else len(plain)]
        marks.append("." if _SENTENCE.search(gap) else "," if _COMMA.search(gap) else "")
    return marks


def _misheard(example: Example, rng: random.Random) -> Example:
    """One word is lost, or another one of the same text stands in its place."""
    at = rng.randrange(len(example.words) - 1)
    words = list(example.words)
    if rng.random() < 0.5:
        del words[at]
        keep = np.arange(len(example.words)) != at
        return Example(
            example.source,
            example.family,
            tuple(words),
            example.labels[keep],
            example.weights[keep],
        )
    words[at] = rng.choice(example.words)
    return Example(example.source, example.family, tuple(words), example.labels, example.weights)


def _cut_off(example: Example, rng: random.Random) -> list[Example]:
    """The speaker breaks off inside a word: its beginning is the last that was heard."""
    long = [i for i, word in enumerate(example.words) if len(word) >= _SHORTEST_CUT]
    if not long:
        return []
    at = rng.choice(long)
    word = example.words[at]
    fragment = word[: rng.randrange(2, len(word) - 2)]
    labels = np.full(at + 1, UNUSED, np.int8)
    labels[-1] = 0
    weights = np.ones(at + 1, np.float32)
    words = (*example.words[:at], fragment)
    return [Example(example.source, example.family, words, labels, weights)]


def balanced(
    found: Sequence[Example], shares: Mapping[str, float]
) -> list[npt.NDArray[np.float32]]:
    """Weights so that each source has its share, half of it on ends and half on the rest."""
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
