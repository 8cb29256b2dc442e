"""Made-up turns of English speech: requests, questions, orders, stories, dictation, hesitations.

A small grammar: ``{name}`` stands for any line of that name, in the tables here and in
``text_tables``. Knows neither sound nor labels.
"""

from __future__ import annotations

import random
import re

from model.training.duplex.text_sources import Utterance
from model.training.duplex.text_tables import FAMILIES, PARTS

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
