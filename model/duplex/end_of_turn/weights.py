"""Weights of the end of a turn: two rows for each kind of evidence, and their operating points.

A pause is the end with log-odds a + b ln(silence / 0.5 s); each kind of evidence adds to a and b.
The recogniser's part is summed up beside the recogniser (``model.cascade.turn_endings``); evidence
that is missing adds nothing, because every kind has mean zero.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from model.cascade.turn_endings import heard_shapes
from model.duplex.end_of_turn.numbers import N_NUMBERS, TurnNumbers
from model.duplex.lexicon import DEFAULT_FOLDER
from model.duplex.policy import ENDPOINTING_MODES, EndingPoint, EndOdds
from model.duplex.text_turn_detector import STATE_SIZE, State
from model.errors import WeightsError
from model.files.records import Misfit, read_json
from model.files.tensors import Array, read_tensors
from model.files.whole_file import SHARED, write_atomically

WEIGHTS_NAME, CARD_NAME = "end_of_turn.safetensors", "end_of_turn.json"
RESTORE = "restore the file or run `python -m model.training.train_end_of_turn`"
FORMAT = 1
_NOTHING = EndOdds(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class EndOfTurnCard:
    """What the weights come with.

    Attributes:
        points: an operating point for each endpointing mode.
        split: people that the points were found on...
        command: ...and how.
        data: what the weights were made of: pauses and people by source.
        scores: on ``split``, out of fold; for people.
    """

    points: Mapping[str, EndingPoint]
    split: str
    command: str
    trained: str = ""
    data: Mapping[str, str] = field(default_factory=dict[str, str])
    scores: Mapping[str, float] = field(default_factory=dict[str, float])
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Raise Misfit for another format, and for operating points that are none."""
        if self.format != FORMAT:
            raise Misfit("format", f"must be {FORMAT}, got {self.format}")
        if self.split == "test":
            raise Misfit("split", "must not be test: nothing is chosen there")
        for mode in ENDPOINTING_MODES:
            if mode not in self.points:
                raise Misfit(f"points.{mode}", "is missing")
            point = self.points[mode]
            if not 0.0 <= point.shortest_ms <= point.longest_ms:
                least = max(point.shortest_ms, 0.0)
                what = f"must be a number of at least {least:g}, got {point.longest_ms:g}"
                raise Misfit(f"points.{mode}.longest_ms", what)


@dataclass(frozen=True, slots=True)
class PauseOdds:
    """What each kind of evidence says of one pause.

    Attributes:
        heard: by the recogniser...
        words: ...by the language model after the words...
        turn: ...by the course of the turn...
        model: ...by a speech model that judges by itself...
        answer: ...and because the words answer our own question.
    """

    heard: EndOdds
    words: EndOdds
    turn: EndOdds
    model: EndOdds = _NOTHING
    answer: EndOdds = _NOTHING

    @property
    def all(self) -> EndOdds:
        """Return the sum."""
        parts = (self.heard, self.words, self.turn, self.model, self.answer)
        return EndOdds(sum(p.at_reference for p in parts), sum(p.rise for p in parts))


def write_card(path: Path, card: EndOfTurnCard) -> None:
    """Replace ``path`` at once."""
    write_atomically(
        path, json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n", mode=SHARED
    )


class EndOfTurnWeights:
    """Sums up what is known of a pause."""

    def __init__(self, card: EndOfTurnCard, weights: Mapping[str, Array]) -> None:
        self.card = card
        self._weights = dict(weights)

    def words_odds(self, state: State | None) -> EndOdds:
        """Return what the language model's state after the words adds."""
        return _NOTHING if state is None else self._sum("words", state)

    def turn_odds(self, numbers: TurnNumbers) -> EndOdds:
        """Return what the course of the turn adds."""
        return self._sum("turn", numbers.vector())

    def _sum(self, kind: str, vector: Array) -> EndOdds:
        # vecdot stays on this thread; a matrix product wakes the others and waits for them
        sums = np.vecdot(self._weights[f"{kind}.weight"], vector) + self._weights[f"{kind}.bias"]
        return EndOdds(float(sums[0]), float(sums[1]))


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors by name."""
    sizes = {"words": STATE_SIZE, "turn": N_NUMBERS}
    own = {f"{kind}.weight": (2, size) for kind, size in sizes.items()}
    return {**heard_shapes(), **own, **{f"{kind}.bias": (2,) for kind in sizes}}


def read_end_of_turn(folder: Path = DEFAULT_FOLDER) -> EndOfTurnWeights:
    """Read weights and card. Raises WeightsError with one line that names file, key, remedy."""
    card = read_json(folder / CARD_NAME, EndOfTurnCard, WeightsError, remedy=RESTORE)

    path = folder / WEIGHTS_NAME
    weights = read_tensors(path, lambda _: weight_shapes(), WeightsError, RESTORE)
    return EndOfTurnWeights(card, weights)
