"""What is true of a turn's recording, and what a decision at some moment is worth.

Knows no detector.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.bench.labels import TurnClip

EARLY_S = 0.2  # a detector may call the end of a voice this much before its label...
LATE_S = 0.25  # ...and notices its return this much after; 95 % of both on labelled speech
SHORTEST_HOLD_S, LONGEST_HOLD_S = 0.2, 5.0  # pauses that eot-bench scores


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause in which the turn goes on; ``is_inserted``: cut into fluent speech."""

    start_s: float
    end_s: float
    is_inserted: bool

    def has(self, at_s: float) -> bool:
        return self.start_s - EARLY_S <= at_s <= self.end_s + LATE_S

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class TurnTruth:
    """One user turn.

    Attributes:
        end_s: where it ends; None: the user stops in mid-phrase, so no decision is right.
        stop_s: where the voice stops for good.
        clip_s: length of the recording.
    """

    language: str
    holds: tuple[Hold, ...]
    end_s: float | None
    stop_s: float
    clip_s: float

    def is_after(self, at_s: float) -> bool:
        """The user had stopped for good."""
        return at_s >= self.stop_s - EARLY_S


@dataclass(frozen=True, slots=True)
class Judged:
    """Decisions of one clip, each where it belongs.

    Attributes:
        cut_holds: holds in which the turn was taken.
        n_elsewhere: decisions before the end and outside labelled pauses.
        after: decisions once the user had stopped, in order.
    """

    cut_holds: tuple[Hold, ...]
    n_elsewhere: int
    after: tuple[float, ...]


def truth_of(clip: TurnClip, clip_s: float) -> TurnTruth:
    """Pauses shorter or longer than eot-bench scores are left out."""
    holds = [
        Hold(pause.start_s, pause.end_s, is_inserted)
        for pause, is_inserted in zip(clip.pauses, clip.is_inserted, strict=True)
    ]
    scored = tuple(h for h in holds if SHORTEST_HOLD_S <= h.seconds <= LONGEST_HOLD_S)
    return TurnTruth(clip.language, scored, clip.end_s, clip.stop_s, clip_s)


def judged(truth: TurnTruth, decisions: Iterable[float]) -> Judged:
    """Every decision belongs to a hold, to the end, or to neither."""
    cut: list[Hold] = []
    after: list[float] = []
    n_elsewhere = 0
    for at_s in sorted(decisions):
        hold = next((hold for hold in truth.holds if hold.has(at_s)), None)
        if truth.is_after(at_s):
            after.append(at_s)
        elif hold is None:
            n_elsewhere += 1
        elif hold not in cut:
            cut.append(hold)
    return Judged(tuple(cut), n_elsewhere, tuple(after))
