"""The utterances a text head is trained on, in an order whose beginning is as mixed as its end.

Knows no labels; where a text comes from is in ``texts`` and ``text_sources``.
"""

from __future__ import annotations

import random
from pathlib import Path

from model.training.duplex.text_sources import Utterance, published_utterances
from model.training.duplex.texts import made_utterances

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
