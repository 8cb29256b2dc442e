"""Operating points that are chosen on some people and told of others.

A point that is chosen on the very data it is reported on flatters whoever has a knob. Here a public
detector and the timers get theirs from train and tune, where our own thresholds come from too; a
predictor is told as it is shipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.evaluation.scorecard import Row, ms
from app.evaluation.turn_taking.conditions import given_up_s
from app.evaluation.turn_taking.turn_scores import TurnScores
from model.duplex.scoring import FloatArray, PlacedDecisions, TurnTruth, ratio_95

CUT_BUDGET = 0.05
SHIPPED = "as shipped"


@dataclass(frozen=True, slots=True, eq=False)
class HonestPoint:
    """What a point that was chosen elsewhere comes to.

    Attributes:
        latency_s: of each clip, (n_clips,); NaN without a timed end.
    """

    point: str
    cut_rate: float
    latency_s: FloatArray

    @property
    def mean_s(self) -> float | None:
        """Return the mean latency; None without an end."""
        return float(np.nanmean(self.latency_s)) if np.isfinite(self.latency_s).any() else None


def shipped_point(scores: TurnScores) -> HonestPoint | None:
    """Return what a detector comes to as it is; None of one that is only swept."""
    clips = scores.placed
    if not clips:
        return None
    latency_s = np.array([_latency_s(truth, placed) for truth, placed in clips], np.float64)
    n_elsewhere = sum(placed.n_elsewhere for _, placed in clips)
    n_cut = sum(hold in placed.cut_holds for t, placed in clips for hold in t.scored_holds)
    n_pauses = sum(len(truth.scored_holds) for truth, _ in clips) + n_elsewhere
    rate = (n_cut + n_elsewhere) / n_pauses if n_pauses else np.nan
    return HonestPoint(SHIPPED, rate, latency_s)


def _latency_s(truth: TurnTruth, placed: PlacedDecisions) -> float:
    if truth.end_s is None or not truth.is_end_sure:
        return np.nan
    return placed.after[0] - truth.end_s if placed.after else given_up_s(truth)


def chosen_point(chosen_on: TurnScores, told_of: TurnScores) -> HonestPoint | None:
    """Return the way of asking and the point that were fastest within 5 % cuts, on other people."""
    best = [
        (sweep.applied(at).point.mean_latency_s, way, at)
        for way, sweep in enumerate(chosen_on.sweeps)
        if (at := sweep.index_of_fastest(CUT_BUDGET)) is not None
    ]
    if not best:
        return None
    _, way, at = min(best)
    applied = told_of.sweeps[way].applied(at)
    return HonestPoint(str(applied.point), applied.point.cut_rate, applied.latency_s)


def honest_columns(
    own: HonestPoint | None, baseline: HonestPoint | None, people: Sequence[str]
) -> Row:
    """Return a detector's columns, with the ratio of means to the baseline's and its 95 %."""
    row: Row = dict.fromkeys(_COLUMNS)
    if own is None:
        return row
    row["honest_point"] = own.point
    row["honest_cut_percent"] = 100.0 * own.cut_rate if np.isfinite(own.cut_rate) else None
    row["honest_mean_ms"] = ms(own.mean_s)
    if np.isfinite(own.latency_s).any():
        row["honest_p50_ms"] = ms(float(np.nanmedian(own.latency_s)))
    if baseline is None or not baseline.mean_s or own.mean_s is None:
        return row
    row["ratio_to_baseline"] = own.mean_s / baseline.mean_s
    interval = ratio_95(own.latency_s, baseline.latency_s, people)
    row["ratio_95"] = None if interval is None else f"{interval[0]:.2f}-{interval[1]:.2f}"
    return row


_COLUMNS = (
    "honest_point",
    "honest_cut_percent",
    "honest_mean_ms",
    "honest_p50_ms",
    "ratio_to_baseline",
    "ratio_95",
)


def honest_points(
    told_of: Mapping[str, TurnScores], chosen_on: Mapping[str, TurnScores]
) -> dict[str, HonestPoint]:
    """Return the point of each detector: chosen where it was heard elsewhere, else as shipped."""
    found = {
        name: chosen_point(chosen_on[name], scores) if name in chosen_on else shipped_point(scores)
        for name, scores in told_of.items()
    }
    return {name: point for name, point in found.items() if point is not None}
