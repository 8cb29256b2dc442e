"""What an operating point comes to on judged turns, and which one each endpointing mode gets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.duplex.policy import EndingPoint, EndOdds, wait_by_odds
from model.duplex.scoring import Hold, PlacedDecisions, place_decisions
from model.training.duplex.end_of_turn.learning_set import JudgedTurn

AVAILABLE_S = 0.3
"""Of silence: the question at 0.1 s, a pass of the recogniser and a look at the words."""
_THRESHOLDS = np.round(np.arange(-5.0, 8.01, 0.1), 2)
_MS = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class ScoredTurn:
    """A turn with the odds of each of its pauses."""

    turn: JudgedTurn
    odds: tuple[EndOdds, ...]

    def decisions(self, point: EndingPoint) -> list[float]:
        """Return when the turn is taken, in seconds of the recording; once in a pause."""
        found: list[float] = []
        for pause, odds in zip(self.turn.pauses, self.odds, strict=True):
            wait_s = wait_by_odds(point, odds, silence_ms=0.0).wait_ms / _MS
            wait_s = max(wait_s, AVAILABLE_S)
            if wait_s < pause.seconds:
                found.append(pause.start_s + wait_s)
        return found


@dataclass(frozen=True, slots=True)
class PointScore:
    """What an operating point comes to.

    Attributes:
        natural, inserted: shares of pauses that were taken for the end, by who made the pause.
        cut: of all, with those outside of labelled pauses.
        mean_s, p50_s, p95_s: from the end of the turn to the decision; of ends that are sure.
        latest_s: the longest.
        n_missed: ends that were never taken.
    """

    point: EndingPoint
    natural: float
    inserted: float
    cut: float
    mean_s: float
    p50_s: float
    p95_s: float
    latest_s: float
    n_ends: int
    n_missed: int

    def __str__(self) -> str:
        """Return a line for people."""
        return (
            f"{self.point.log_odds:+.1f}/{self.point.longest_ms:.0f}: mean {_MS * self.mean_s:.0f},"
            f" p50 {_MS * self.p50_s:.0f}, p95 {_MS * self.p95_s:.0f},"
            f" latest {_MS * self.latest_s:.0f} ms of {self.n_ends} ends,"
            f" {self.n_missed} missed; cut {100.0 * self.cut:.1f} %,"
            f" natural {100.0 * self.natural:.1f} %, inserted {100.0 * self.inserted:.1f} %"
        )


def score(turns: Sequence[ScoredTurn], point: EndingPoint) -> PointScore:
    """Return what ``point`` comes to on ``turns``."""
    placed = [place_decisions(turn.turn.truth, turn.decisions(point)) for turn in turns]
    n_elsewhere = sum(p.n_elsewhere for p in placed)
    by_kind = {
        is_inserted: (
            sum(_is_of(hold, is_inserted) for p in placed for hold in p.cut_holds),
            sum(_is_of(hold, is_inserted) for turn in turns for hold in turn.turn.truth.holds),
        )
        for is_inserted in (False, True)
    }
    n_cut, n_holds = (sum(pair[i] for pair in by_kind.values()) for i in (0, 1))
    latencies_s, n_missed = _latencies(turns, placed)
    return PointScore(
        point=point,
        natural=_share(*by_kind[False]),
        inserted=_share(*by_kind[True]),
        cut=_share(n_cut + n_elsewhere, n_holds + n_elsewhere),
        mean_s=float(np.mean(latencies_s)),
        p50_s=float(np.median(latencies_s)),
        p95_s=float(np.percentile(latencies_s, 95)),
        latest_s=float(np.max(latencies_s)),
        n_ends=len(latencies_s),
        n_missed=n_missed,
    )


def _latencies(
    turns: Sequence[ScoredTurn], placed: Sequence[PlacedDecisions]
) -> tuple[list[float], int]:
    found: list[float] = []
    n_missed = 0
    for turn, at in zip(turns, placed, strict=True):
        truth = turn.turn.truth
        if truth.end_s is None or not truth.is_end_sure:
            continue  # there is no end, or it is not timed
        n_missed += not at.after
        found.append((at.after[0] if at.after else truth.clip_s) - truth.end_s)
    return found, n_missed


def _is_of(hold: Hold, is_inserted: bool) -> bool:
    """Whether a pause counts here; who takes the turn after a full stop is understood."""
    return hold.is_inserted is is_inserted and not hold.is_sentence_end


def _share(n: int, of: int) -> float:
    return n / of if of else 0.0


@dataclass(frozen=True, slots=True)
class Promise:
    """What a mode promises, and the times that its point may not leave."""

    most_natural: float
    most_inserted: float
    shortest_ms: float
    longest_ms: float


PROMISES: Mapping[str, Promise] = {
    "eager": Promise(0.20, 0.20, 200.0, 1900.0),
    "balanced": Promise(0.10, 0.08, 250.0, 2000.0),
    "patient": Promise(0.05, 0.04, 400.0, 2250.0),
}


def best_points(
    turns: Sequence[ScoredTurn], promises: Mapping[str, Promise]
) -> dict[str, PointScore]:
    """Return the quickest point within each promise; the one that cuts least where none is."""
    return {mode: _best(turns, promise) for mode, promise in promises.items()}


def _best(turns: Sequence[ScoredTurn], promise: Promise) -> PointScore:
    points = (EndingPoint(float(at), promise.shortest_ms, promise.longest_ms) for at in _THRESHOLDS)
    scores = [score(turns, point) for point in points]
    kept = [
        s
        for s in scores
        if s.natural <= promise.most_natural and s.inserted <= promise.most_inserted
    ]
    return min(kept, key=_mean) if kept else min(scores, key=lambda s: s.cut)


def _mean(of: PointScore) -> float:
    return of.mean_s


def swept(turns: Sequence[ScoredTurn], most_cut: float, longest_ms: float) -> PointScore:
    """Return the quickest point that cuts at most this share of pauses, chosen on ``turns``."""
    points = (EndingPoint(float(at), 200.0, longest_ms) for at in _THRESHOLDS)
    scores = [score(turns, point) for point in points]
    return min((s for s in scores if s.cut <= most_cut + 1e-9), key=_mean)


def only(turns: Iterable[ScoredTurn], wanted: Callable[[JudgedTurn], bool]) -> list[ScoredTurn]:
    """Return the turns that are ``wanted``."""
    return [turn for turn in turns if wanted(turn.turn)]
