"""Words of the user's own: small heads over the spotter's trunk, kept in the user's data folder.

A head sees the trunk now and up to 0.36 s ago. It belongs to the weights it was trained over: with
others it is worth nothing, and is refused.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import safetensors.numpy
from msgspec import Meta

from model.duplex.duplex_network import read_tensors
from model.duplex.spotter.network import Array, SpotterNetwork
from model.errors import WeightsError
from model.files.records import Misfit, read_json
from model.files.whole_file import write_atomically

FORMAT = 1
TAPS = (0, 3, 6, 9)  # steps of 40 ms before now
HISTORY = TAPS[-1] + 1
HIDDEN = 24

Meaning = Literal["stop", "wake"]
_Probability = Annotated[float, Meta(ge=0.0, le=1.0)]


@dataclass(frozen=True, slots=True)
class OwnWordCard:
    """What is known of a word.

    Attributes:
        meaning: "stop": it stops the reply; "wake": it is the user's voice, and is named.
        network: of the weights it was trained over; see ``fingerprint``.
        threshold_p: from where it counts as heard.
        scores: on what it was checked with; for people.
    """

    phrase: Annotated[str, Meta(min_length=1)]
    language: str
    meaning: Meaning
    network: str
    threshold_p: _Probability
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Raise Misfit for another format."""
        if self.format != FORMAT:
            raise Misfit("format", f"must be {FORMAT}, got {self.format}")


class OwnWord:
    """A head of one hidden layer; ``weights`` are float32, of the shapes of ``head_shapes``."""

    def __init__(self, card: OwnWordCard, weights: Mapping[str, Array]) -> None:
        self.card = card
        self.weights = dict(weights)

    def probabilities(self, trunk: Array) -> Array:
        """Return (n,) for the trunk (n + 9, width), of which the first nine are the past."""
        rows = stacked(trunk)
        weights = self.weights
        normal: Array = (rows - weights["mean"]) / weights["std"]
        hidden = np.maximum(normal @ weights["hidden.weight"].T + weights["hidden.bias"], 0.0)
        logits = (hidden @ weights["output.weight"].T + weights["output.bias"])[:, 0]
        return (0.5 * np.tanh(0.5 * logits) + 0.5).astype(np.float32)


def stacked(trunk: Array) -> Array:
    """Return (n, 4 x width): each step with its past, for (n + 9, width)."""
    n = len(trunk) - HISTORY + 1
    return np.concatenate([trunk[HISTORY - 1 - tap :][:n] for tap in TAPS], axis=1)


def head_shapes(width: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors by name."""
    n_inputs = width * len(TAPS)
    return {
        "mean": (n_inputs,),
        "std": (n_inputs,),
        "hidden.weight": (HIDDEN, n_inputs),
        "hidden.bias": (HIDDEN,),
        "output.weight": (1, HIDDEN),
        "output.bias": (1,),
    }


def fingerprint(network: SpotterNetwork) -> str:
    """Name the network's weights in eight digits."""
    digest = 0
    for _, weight in sorted(network.weights.items()):
        digest = zlib.crc32(np.ascontiguousarray(weight).tobytes(), digest)
    return f"{digest:08x}"


def write_own_word(folder: Path, word: OwnWord) -> None:
    """Keep a word; one of the same phrase is replaced."""
    path = _card_path(folder, word.card.phrase)
    content = safetensors.numpy.save(word.weights)
    write_atomically(path.with_suffix(".safetensors"), content)
    write_atomically(path, json.dumps(asdict(word.card), indent=2, ensure_ascii=False) + "\n")


def remove_own_word(folder: Path, phrase: str) -> bool:
    """Forget a word; return whether there was one."""
    path = _card_path(folder, phrase)
    was_there = path.is_file()
    for one in (path, path.with_suffix(".safetensors")):
        one.unlink(missing_ok=True)
    return was_there


def read_own_words(folder: Path, network: SpotterNetwork) -> tuple[OwnWord, ...]:
    """Read all words of the folder, by phrase; none where there is no folder.

    Raises WeightsError with one line that names file, key and remedy.
    """
    words: list[OwnWord] = []
    wanted = head_shapes(network.card.shape.width)
    for path in sorted(folder.glob("*.json")):
        remedy = f"run parley words add again, or delete {path}"
        card = read_json(path, OwnWordCard, WeightsError, remedy=remedy)
        if card.network != fingerprint(network):
            raise WeightsError(f"{path}: network: was trained over other weights; {remedy}")
        weights = read_tensors(path.with_suffix(".safetensors"), lambda _: wanted, remedy)
        words.append(OwnWord(card, weights))
    return tuple(words)


def _card_path(folder: Path, phrase: str) -> Path:
    plain = " ".join(phrase.casefold().split())
    letters = "".join(c if c.isalnum() and c.isascii() else "-" for c in plain)
    return folder / f"{letters.strip('-')[:32]}-{zlib.crc32(plain.encode()):08x}.json"
