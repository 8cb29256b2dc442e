"""One detector's scores over user turns: eot-bench, F1@K, takeover, TurnBench, calibration.

Knows no detector and reads no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.evaluation.scorecard import (
    Calibration,
    Row,
    Value,
    middle_95,
    percentile,
    resample_counts,
    share_percent,
    wilson,
)
from app.evaluation.turn_taking.detectors import TurnTrace
from app.evaluation.turn_taking.eot_sweep import OperatingPoint, Score, ScoredClip, Sweep
from app.evaluation.turn_taking.event_rates import Anchored, f1_at_steps
from app.evaluation.turn_taking.labels import Span
from app.evaluation.turn_taking.silences import Silence
from app.evaluation.turn_taking.truth import EARLY_S, TurnTruth, judged

CUT_BUDGETS = (0.05, 0.10)
LATENCY_BUDGETS_S = (0.3, 0.7)
TAKEOVER_PAUSE_S = (0.4, 1.0)  # Full-Duplex-Bench v1: pauses as long as this
CALIBRATED_S = 1.5  # of every silence; later ones are the timeout's
MS, PERCENT = 1000.0, 100.0


@dataclass(slots=True)
class _Shipped:
    """Decisions at the operating point that is shipped, counted over clips."""

    n_holds: int = 0  # with those that only decisions outside labelled pauses show
    n_cut: int = 0  # likewise
    by_kind: dict[bool, list[int]] = field(
        default_factory=lambda: {True: [0, 0], False: [0, 0]}
    )  # inserted -> cut, all
    n_elsewhere: int = 0
    n_ends: int = 0
    latencies_s: list[float] = field(default_factory=list[float])
    waits_s: list[float] = field(default_factory=list[float])
    n_truncated: int = 0

    def add(self, truth: TurnTruth, ends: Sequence[float]) -> None:
        found = judged(truth, ends)
        self.n_holds += len(truth.holds) + found.n_elsewhere
        self.n_cut += len(found.cut_holds) + found.n_elsewhere
        self.n_elsewhere += found.n_elsewhere
        for hold in truth.holds:
            self.by_kind[hold.is_inserted][0] += hold in found.cut_holds
            self.by_kind[hold.is_inserted][1] += 1
        if truth.end_s is None:
            self.n_truncated += 1
            self.waits_s.extend(t - truth.stop_s for t in found.after[:1])
            return
        self.n_ends += 1
        self.latencies_s.extend(t - truth.end_s for t in found.after[:1])


@dataclass(slots=True)
class _Takeover:
    """Full-Duplex-Bench v1: does the assistant start to speak?

    In pauses of 0.4 to 1.0 s it must not; after turns it must. A decision is taken for a reply of
    more than three words; the benchmark listens for them.
    """

    n_pauses: int = 0
    n_taken_in_pauses: int = 0
    n_turns: int = 0
    latencies_s: list[float] = field(default_factory=list[float])

    def add(self, truth: TurnTruth, ends: Sequence[float]) -> None:
        shortest_s, longest_s = TAKEOVER_PAUSE_S
        found = judged(truth, ends)
        for hold in truth.holds:
            if shortest_s <= hold.seconds <= longest_s:
                self.n_pauses += 1
                self.n_taken_in_pauses += hold in found.cut_holds
        if truth.end_s is not None:
            self.n_turns += 1
            self.latencies_s.extend(max(0.0, t - truth.end_s) for t in found.after[:1])


class TurnScores:
    """Collects clip after clip, then gives the turn's part of a row."""

    def __init__(self) -> None:
        self._shipped = _Shipped()
        self._by_language: dict[str, _Shipped] = {}
        self._has_shipped = False
        self._takeover = _Takeover()
        self._f1 = f1_at_steps()
        self._anchored = Anchored()
        self._calibration = Calibration()
        self._swept: list[list[ScoredClip]] = []

    def add(self, truth: TurnTruth, found: tuple[Silence, ...], trace: TurnTrace) -> None:
        for i, scores in enumerate(trace.scores):
            if i == len(self._swept):
                self._swept.append([])
            self._swept[i].append(ScoredClip(truth, found, scores))
        if trace.scores and trace.scores[-1]:
            self._calibrate(truth, found, trace.scores[-1])
        if trace.ends is None:
            return
        self._has_shipped = True
        ends = trace.ends
        self._shipped.add(truth, ends)
        self._by_language.setdefault(truth.language, _Shipped()).add(truth, ends)
        self._takeover.add(truth, ends)
        if truth.end_s is not None:
            for f1 in self._f1.values():
                f1.add([truth.end_s], ends)
            holds = [Span(hold.start_s, hold.end_s) for hold in truth.holds]
            self._anchored.add([truth.end_s], holds, ends)

    def _calibrate(
        self, truth: TurnTruth, found: tuple[Silence, ...], scores: tuple[Score, ...]
    ) -> None:
        """Every score in a silence; those after a phrase that was broken off are nobody's truth."""
        for silence in found:
            until_s = silence.start_s + min(silence.seconds, CALIBRATED_S)
            is_end = silence.start_s >= truth.stop_s - EARLY_S
            if is_end and truth.end_s is None:
                continue
            for score in scores:
                if silence.start_s <= score.at_s < until_s:
                    self._calibration.add(score.p, is_end)

    def row(self) -> Row:
        return {**self._eot_bench(), **self._shipped_row(), **self._event_row()}

    def _eot_bench(self) -> Row:
        sweeps = [Sweep(clips) for clips in self._swept]
        row: Row = {}
        for budget in CUT_BUDGETS:
            at = f"at_{budget:.0%}".replace("%", "_percent_cut")
            best = min(
                ((point, sweep) for sweep in sweeps if (point := sweep.fastest(budget))),
                key=lambda pair: pair[0].mean_latency_s,
                default=None,
            )
            if best is None:
                row |= self._own_latency(at, budget)
                continue
            point, sweep = best
            interval = sweep.latency_interval_s(budget)
            row |= _latency_row(at, point.mean_latency_s, point.p50_latency_s, interval, str(point))
        for budget_s in LATENCY_BUDGETS_S:
            row[f"cut_percent_at_{MS * budget_s:.0f}_ms"] = self._fewest_cuts(sweeps, budget_s)
        return row

    def _own_latency(self, at: str, budget: float) -> Row:
        """Of a detector without a knob."""
        mine = self._shipped
        is_met = mine.n_holds > 0 and mine.n_cut <= budget * mine.n_holds
        if not (self._has_shipped and is_met and mine.latencies_s):
            return _latency_row(at, None, None, None, None)
        latencies = np.asarray(mine.latencies_s)
        counts = resample_counts(len(latencies))
        interval = middle_95(counts @ latencies / len(latencies))
        mean_s, p50_s = float(latencies.mean()), float(np.median(latencies))
        return _latency_row(at, mean_s, p50_s, interval, "as shipped")

    def _fewest_cuts(self, sweeps: Sequence[Sweep], budget_s: float) -> Value:
        points = [point for sweep in sweeps if (point := sweep.fewest_cuts(budget_s))]
        if points:
            return PERCENT * min(points, key=_cut_rate).cut_rate
        mine = self._shipped
        if sweeps or not mine.latencies_s or float(np.mean(mine.latencies_s)) > budget_s:
            return None
        return share_percent(mine.n_cut, mine.n_holds)

    def _shipped_row(self) -> Row:
        mine = self._shipped
        has = self._has_shipped
        row: Row = {
            "cut_percent": share_percent(mine.n_cut, mine.n_holds) if has else None,
            "cut_percent_95": shares_text(mine.n_cut, mine.n_holds) if has else None,
            "cut_inserted": _of(*mine.by_kind[True]) if has else None,
            "cut_natural": _of(*mine.by_kind[False]) if has else None,
            "cut_elsewhere": mine.n_elsewhere if has else None,
            "ends_found": _of(len(mine.latencies_s), mine.n_ends) if has else None,
            "end_latency_p50_ms": ms(percentile(mine.latencies_s, 50)),
            "end_latency_p95_ms": ms(percentile(mine.latencies_s, 95)),
            "truncated_taken": _of(len(mine.waits_s), mine.n_truncated) if has else None,
            "truncated_wait_p50_ms": ms(percentile(mine.waits_s, 50)),
        }
        for language, theirs in sorted(self._by_language.items()):
            row[f"cut_{language}"] = _of(theirs.n_cut, theirs.n_holds)
            row[f"end_latency_{language}_p50_ms"] = ms(percentile(theirs.latencies_s, 50))
        return row

    def _event_row(self) -> Row:
        takeover, anchored = self._takeover, self._anchored
        return {
            **{f"assistant_turn_f1_at_{k}": f1.value for k, f1 in self._f1.items()},
            "takeover_in_pauses_percent": share_percent(
                takeover.n_taken_in_pauses, takeover.n_pauses
            ),
            "takeover_in_pauses_95": shares_text(takeover.n_taken_in_pauses, takeover.n_pauses),
            "takeover_after_turns_percent": share_percent(
                len(takeover.latencies_s), takeover.n_turns
            ),
            "takeover_latency_mean_ms": ms(_mean(takeover.latencies_s)),
            "end_recall": _share(anchored.n_found, anchored.n_events),
            "end_false_positives": _share(anchored.n_false, anchored.n_negatives),
            "end_calibration_error": self._calibration.error,
        }


def _cut_rate(point: OperatingPoint) -> float:
    return point.cut_rate


def _latency_row(
    at: str,
    mean_s: float | None,
    p50_s: float | None,
    interval_s: tuple[float, float] | None,
    point: str | None,
) -> Row:
    shown = None if interval_s is None else f"{MS * interval_s[0]:.0f}-{MS * interval_s[1]:.0f}"
    return {
        f"latency_{at}_mean_ms": ms(mean_s),
        f"latency_{at}_95": shown,
        f"latency_{at}_p50_ms": ms(p50_s),
        f"point_{at}": point,
    }


def ms(seconds: float | None) -> float | None:
    return None if seconds is None else MS * seconds


def shares_text(n_hits: int, n: int) -> str | None:
    """95 % interval in percent; None of nothing."""
    interval = wilson(n_hits, n)
    if interval is None:
        return None
    return f"{PERCENT * interval[0]:.0f}-{PERCENT * interval[1]:.0f}"


def _of(n_hits: int, n: int) -> str | None:
    return f"{n_hits} of {n}" if n else None


def _share(n_hits: int, n: int) -> float | None:
    return n_hits / n if n else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
