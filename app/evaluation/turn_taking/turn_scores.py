"""One detector's scores over user turns: eot-bench, F1@K, takeover, TurnBench, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from app.evaluation.scorecard import (
    MS,
    Row,
    Value,
    interval_text,
    ms,
    of_text,
    percentile,
    share_percent,
)
from app.evaluation.turn_taking.detectors import TurnTrace
from model.duplex.scoring import (
    EARLY_S,
    AnchoredRates,
    Score,
    ScoredClip,
    Silence,
    Span,
    Sweep,
    TurnTruth,
    calibration_error,
    middle_95,
    place_decisions,
    resample_counts,
)

CUT_BUDGETS = (0.05, 0.10)
LATENCY_BUDGETS_S = (0.3, 0.7)
TAKEOVER_PAUSE_S = (0.4, 1.0)  # Full-Duplex-Bench v1: pauses as long as this
CALIBRATED_S = 1.5  # of every silence; later ones are the timeout's
STEP_S = 0.08  # one step of the predictor
_EPS_S = 1e-6


@dataclass(slots=True)
class F1:
    """Positive F1 (MinMo): a decision counts if an event lies within ``tolerance_s`` of it."""

    tolerance_s: float
    n_matched: int = 0
    n_decisions: int = 0
    n_events: int = 0

    def add(self, events: Sequence[float], decisions: Sequence[float]) -> None:
        """Score one recording; every event takes the first free decision near it."""
        free = sorted(decisions)
        self.n_events += len(events)
        self.n_decisions += len(free)
        for event_s in sorted(events):
            near = [t for t in free if abs(t - event_s) <= self.tolerance_s + _EPS_S]
            if near:
                free.remove(near[0])
                self.n_matched += 1

    @property
    def value(self) -> float | None:
        """Return the score; None without events."""
        n = self.n_events + self.n_decisions
        return 2.0 * self.n_matched / n if self.n_events else None


def f1_at_steps() -> dict[int, F1]:
    """Return a score by K that accepts what lies within K steps of 80 ms."""
    return {k: F1(k * STEP_S) for k in (1, 5, 10)}


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
        found = place_decisions(truth, ends)
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
        found = place_decisions(truth, ends)
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
        self._anchored = AnchoredRates()
        self._said: list[float] = []
        self._was_true: list[bool] = []
        self._swept: list[list[ScoredClip]] = []

    def add(self, truth: TurnTruth, found: tuple[Silence, ...], trace: TurnTrace) -> None:
        """Score one clip with the silences that were heard in it."""
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
                    self._said.append(score.p)
                    self._was_true.append(is_end)

    def row(self) -> Row:
        """Return the turn's columns; None where nothing was measured."""
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
            return 100.0 * min(point.cut_rate for point in points)
        mine = self._shipped
        if sweeps or not mine.latencies_s or float(np.mean(mine.latencies_s)) > budget_s:
            return None
        return share_percent(mine.n_cut, mine.n_holds)

    def _shipped_row(self) -> Row:
        mine = self._shipped
        has = self._has_shipped
        row: Row = {
            "cut_percent": share_percent(mine.n_cut, mine.n_holds) if has else None,
            "cut_percent_95": interval_text(mine.n_cut, mine.n_holds) if has else None,
            "cut_inserted": of_text(*mine.by_kind[True]) if has else None,
            "cut_natural": of_text(*mine.by_kind[False]) if has else None,
            "cut_elsewhere": mine.n_elsewhere if has else None,
            "ends_found": of_text(len(mine.latencies_s), mine.n_ends) if has else None,
            "end_latency_p50_ms": ms(percentile(mine.latencies_s, 50)),
            "end_latency_p95_ms": ms(percentile(mine.latencies_s, 95)),
            "truncated_taken": of_text(len(mine.waits_s), mine.n_truncated) if has else None,
            "truncated_wait_p50_ms": ms(percentile(mine.waits_s, 50)),
        }
        for language, theirs in sorted(self._by_language.items()):
            row[f"cut_{language}"] = of_text(theirs.n_cut, theirs.n_holds)
            row[f"end_latency_{language}_p50_ms"] = ms(percentile(theirs.latencies_s, 50))
        return row

    def _event_row(self) -> Row:
        takeover, anchored = self._takeover, self._anchored
        latencies_s = takeover.latencies_s
        return {
            **{f"assistant_turn_f1_at_{k}": f1.value for k, f1 in self._f1.items()},
            "takeover_in_pauses_percent": share_percent(
                takeover.n_taken_in_pauses, takeover.n_pauses
            ),
            "takeover_in_pauses_95": interval_text(takeover.n_taken_in_pauses, takeover.n_pauses),
            "takeover_after_turns_percent": share_percent(
                len(takeover.latencies_s), takeover.n_turns
            ),
            "takeover_latency_mean_ms": ms(float(np.mean(latencies_s)) if latencies_s else None),
            "end_recall": anchored.recall,
            "end_false_positives": anchored.false_positive_rate,
            "end_calibration_error": calibration_error(self._said, self._was_true),
        }


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
