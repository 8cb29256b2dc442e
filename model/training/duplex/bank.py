"""What the slow voices are asked to say, once for all scenes; the sound itself is in the cache.

The list is the same whatever the scenes' seed is, so that another seed finds the cache full.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np

from model.training.duplex.phrases import (
    BACKCHANNELS,
    COMMANDS,
    CONTINUATIONS,
    FILLERS,
    OPENERS,
    QUESTIONS,
    SHORT_TURNS,
    WORDS,
)
from model.training.duplex.speakers import Speaker
from model.training.duplex.turn_texts import TurnText, turn_text

_SEED = 20_251_121
TURN = "turn"

_LISTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "backchannel": BACKCHANNELS,
    "command": COMMANDS,
    "word": WORDS,
    "question": QUESTIONS,
    "opener": OPENERS,
    "continuation": CONTINUATIONS,
    "filler": FILLERS,
    "short_turn": SHORT_TURNS,
}
ROLES = (*_LISTS, TURN)

_N_OF_EACH: Mapping[str, Mapping[str, int]] = {
    "en": {
        "backchannel": 6, "command": 5, "word": 2, "question": 3, "opener": 1, "continuation": 1,
        "filler": 2, "short_turn": 2, TURN: 2,
    },
    "zh": {
        "backchannel": 7, "command": 5, "word": 2, "question": 3, "opener": 2, "continuation": 2,
        "filler": 2, "short_turn": 3, TURN: 9,
    },
}  # fmt: skip
_TURN_KINDS = ("plain", "plain", "hesitant", "numbers", "list", "correction", "story")


@dataclass(frozen=True, slots=True)
class BankEntry:
    """One thing one speaker says.

    Attributes:
        role: one of ``ROLES``.
    """

    role: str
    speaker: Speaker
    text: TurnText


def phrases(role: str, language: str) -> tuple[str, ...]:
    """The list behind a role other than ``TURN``."""
    return _LISTS[role][language]


def bank(speakers: Iterable[Speaker], share: float = 1.0) -> tuple[BankEntry, ...]:
    """Every speaker says ``share`` of the common number of things, at least one of each role."""
    return tuple(chain.from_iterable(_said_by(speaker, share) for speaker in speakers))


def _said_by(speaker: Speaker, share: float) -> tuple[BankEntry, ...]:
    rng = np.random.default_rng([_SEED, *speaker.id.encode()])
    entries: list[BankEntry] = []
    for role, n_common in _N_OF_EACH[speaker.language].items():
        n = max(1, round(n_common * share))
        if role == TURN:
            kinds = rng.choice(_TURN_KINDS, n)
            texts = [turn_text(str(kind), speaker.language, rng) for kind in kinds]
        else:
            choices = tuple(dict.fromkeys(phrases(role, speaker.language)))
            chosen = rng.choice(len(choices), min(n, len(choices)), replace=False)
            texts = [TurnText(role, choices[int(i)], speaker.language) for i in chosen]
        entries.extend(BankEntry(role, speaker, text) for text in texts)
    return tuple(entries)
