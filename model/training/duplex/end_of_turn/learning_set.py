"""The pauses of many turns, found once and kept: what the weights are learnt from and judged on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from model.cascade.turn_endings import Ending
from model.duplex.end_of_turn.numbers import TurnNumbers
from model.duplex.scoring import EARLY_S, TurnTruth
from model.files.content_cache import Cache, Entry, address
from model.training.duplex.end_of_turn.pauses import Array, Pause, PauseFinder
from model.training.duplex.end_of_turn.turns import Turn
from model.training.duplex.progress import Progress


class Outcome(StrEnum):
    """What came of a pause."""

    END = "end"  # the turn was over
    HOLD = "hold"  # the user went on
    BROKEN = "broken"  # the user stopped in mid-phrase and did not go on


@dataclass(frozen=True, slots=True, eq=False)
class JudgedTurn:
    """A turn with its pauses; ``outcomes`` has one for each.

    Attributes:
        source: recorded, word or made.
    """

    id: str
    source: str
    speaker: str
    split: str
    licence: str
    truth: TurnTruth
    pauses: tuple[Pause, ...]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Return what came of each pause; the voice that returns decides, not the labels."""
        return tuple(outcome_of(pause, self.truth) for pause in self.pauses)


def outcome_of(pause: Pause, truth: TurnTruth) -> Outcome:
    """Return what came of one pause."""
    is_last = pause.start_s >= truth.stop_s - EARLY_S or not np.isfinite(pause.seconds)
    if not is_last:
        return Outcome.HOLD
    return Outcome.BROKEN if truth.end_s is None else Outcome.END


class LearningSet:
    """Finds the pauses of turns, or reads what was found before.

    Args:
        heard_by: stands for all that decides what is found: see ``listening_cache.fingerprint``.
    """

    def __init__(self, finder: PauseFinder, cache: Cache, heard_by: str) -> None:
        self._finder = finder
        self._cache = cache
        self._heard_by = heard_by

    def judged(self, turns: Iterable[Turn]) -> Iterator[JudgedTurn]:
        """Yield the turns with their pauses."""
        with Progress(None, "turns") as progress:
            for turn in turns:
                yield self._judged(turn)
                progress.update()

    def _judged(self, turn: Turn) -> JudgedTurn:
        where = address("pauses", self._heard_by, turn.id, _digest(turn))
        entry = self._cache.made(where, lambda: _packed(tuple(self._finder.pauses(turn.samples))))
        return JudgedTurn(
            turn.id, turn.source, turn.speaker, turn.split, turn.licence, turn.truth,
            _unpacked(entry),
        )  # fmt: skip


def _digest(turn: Turn) -> list[float]:
    """Return what another sound under the same name would not share."""
    samples = turn.samples
    return [len(samples), float(np.abs(samples).sum(dtype=np.float64))]


_VECTOR, _STATE, _SOUND = "vector", "state", "sound"


def _packed(pauses: tuple[Pause, ...]) -> Entry:
    tensors: dict[str, Array] = {}
    about: list[dict[str, Any]] = []
    for i, pause in enumerate(pauses):
        ending, numbers = pause.ending, pause.numbers
        about.append(
            {
                "start_s": pause.start_s,
                "seconds": pause.seconds if np.isfinite(pause.seconds) else None,
                "numbers": [getattr(numbers, name) for name in numbers.__slots__],
                "text": pause.text,
                "ending": None if ending is None else [ending.language, ending.at_s],
            }
        )
        tensors[f"{_SOUND}.{i}"] = pause.sound
        if ending is not None:
            tensors[f"{_VECTOR}.{i}"] = ending.vector
        if pause.state is not None:
            tensors[f"{_STATE}.{i}"] = pause.state
    return Entry(tensors, {"pauses": about})


def _unpacked(entry: Entry) -> tuple[Pause, ...]:
    tensors = entry.tensors
    pauses: list[Pause] = []
    for i, it in enumerate(entry.about["pauses"]):
        ending = it["ending"]
        pauses.append(
            Pause(
                start_s=it["start_s"],
                seconds=np.inf if it["seconds"] is None else it["seconds"],
                numbers=TurnNumbers(*it["numbers"]),
                sound=tensors[f"{_SOUND}.{i}"],
                text=it["text"],
                ending=ending and Ending(ending[0], tensors[f"{_VECTOR}.{i}"], ending[1]),
                state=tensors.get(f"{_STATE}.{i}"),
            )
        )
    return tuple(pauses)
