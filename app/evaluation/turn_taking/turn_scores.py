"""One detector's scores over user turns: eot-bench, F1@K, takeover, TurnBench, calibration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    Hold,
    PlacedDecisions,
    Score,
    ScoredClip,
    Silence,
    Span,
    Sweep,
    TurnTruth,
    calibration_error,
    middle_95,
    place_decisions,
    resample_people,
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


class _Shipped:
    """Decisions at the operating point that is shipped, counted over clips.

    ``n_holds`` and ``n_cut`` count pauses, too, that only decisions outside labelled ones show.
    """

    def __init__(self, clips: Sequence[tuple[TurnTruth, PlacedDecisions]]) -> None:
        self._holds = [
            (hold, hold in placed.cut_holds)
            for truth, placed in clips
            for hold in truth.scored_holds
        ]
        understood = [
            hold in placed.cut_holds
            for truth, placed in clips
            for hold in truth.holds
            if hold.is_sentence_end
        ]
        self.n_understood_cut, self.n_understood = sum(understood), len(understood)
        self.n_elsewhere = sum(placed.n_elsewhere for _, placed in clips)
        self.n_holds = len(self._holds) + self.n_elsewhere
        self.n_cut = sum(is_cut for _, is_cut in self._holds) + self.n_elsewhere
        ended = [
            (t.end_s, placed.after, t.speaker)
            for t, placed in clips
            if t.end_s is not None and t.is_end_sure
        ]
        broken = [(t.stop_s, placed.after) for t, placed in clips if t.end_s is None]
        self.n_ends, self.n_truncated = len(ended), len(broken)
        self.latencies_s = [after[0] - end_s for end_s, after, _ in ended if after]
        self.people = [speaker for _, after, speaker in ended if after]
        self.waits_s = [after[0] - stop_s for stop_s, after in broken if after]

    def cuts(self, is_wanted: Callable[[Hold], bool]) -> tuple[int, int]:
        """How many pauses of a kind were cut, and how many there are."""
        are_cut = [is_cut for hold, is_cut in self._holds if is_wanted(hold)]
        return sum(are_cut), len(are_cut)


class TurnScores:
    """Collects clip after clip, then gives the turn's part of a row."""

    @property
    def placed(self) -> Sequence[tuple[TurnTruth, PlacedDecisions]]:
        """Return the decisions as shipped, clip by clip; none of what is only swept."""
        return self._placed

    @property
    def sweeps(self) -> tuple[Sweep, ...]:
        """Return every way to ask it, swept."""
        return tuple(Sweep(clips) for clips in self._swept)

    def __init__(self) -> None:
        self._placed: list[tuple[TurnTruth, PlacedDecisions]] = []
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
        self._placed.append((truth, place_decisions(truth, trace.ends)))
        if truth.end_s is not None and truth.is_end_sure:
            for f1 in self._f1.values():
                f1.add([truth.end_s], trace.ends)
            holds = [Span(hold.start_s, hold.end_s) for hold in truth.scored_holds]
            self._anchored.add([truth.end_s], holds, trace.ends)

    def _calibrate(
        self, truth: TurnTruth, found: tuple[Silence, ...], scores: tuple[Score, ...]
    ) -> None:
        """Every score in a silence; those after a phrase that was broken off are nobody's truth."""
        for silence in found:
            until_s = silence.start_s + min(silence.seconds, CALIBRATED_S)
            is_end = silence.start_s >= truth.stop_s - EARLY_S
            if is_end and not truth.has_timed_end:
                continue
            for score in scores:
                if silence.start_s <= score.at_s < until_s:
                    self._said.append(score.p)
                    self._was_true.append(is_end)

    def row(self) -> Row:
        """Return the turn's columns; None where nothing was measured."""
        shipped = _Shipped(self._placed)
        return {
            **self._eot_bench(shipped),
            **self._shipped_row(shipped),
            **{f"assistant_turn_f1_at_{k}": f1.value for k, f1 in self._f1.items()},
            **_takeover_row(shipped),
            "end_recall": self._anchored.recall,
            "end_false_positives": self._anchored.false_positive_rate,
            "end_calibration_error": calibration_error(self._said, self._was_true),
        }

    def _eot_bench(self, shipped: _Shipped) -> Row:
        sweeps = self.sweeps
        row: Row = {}
        for budget in CUT_BUDGETS:
            at = f"at_{budget:.0%}".replace("%", "_percent_cut")
            best = min(
                ((point, sweep) for sweep in sweeps if (point := sweep.fastest(budget))),
                key=lambda pair: pair[0].mean_latency_s,
                default=None,
            )
            if best is None:
                row |= _own_latency(shipped, at, budget)
                continue
            point, sweep = best
            interval = sweep.latency_interval_s(budget)
            row |= _latency_row(at, point.mean_latency_s, point.p50_latency_s, interval, str(point))
        for budget_s in LATENCY_BUDGETS_S:
            points = [point for sweep in sweeps if (point := sweep.fewest_cuts(budget_s))]
            cut: Value = None
            if points:
                cut = 100.0 * min(point.cut_rate for point in points)
            elif not sweeps and shipped.latencies_s and np.mean(shipped.latencies_s) <= budget_s:
                cut = share_percent(shipped.n_cut, shipped.n_holds)
            row[f"cut_percent_at_{MS * budget_s:.0f}_ms"] = cut
        return row

    def _shipped_row(self, shipped: _Shipped) -> Row:
        latencies_s, waits_s = shipped.latencies_s, shipped.waits_s
        row: Row = {
            "cut_percent": share_percent(shipped.n_cut, shipped.n_holds),
            "cut_percent_95": interval_text(shipped.n_cut, shipped.n_holds),
            "cut_inserted": of_text(*shipped.cuts(lambda hold: hold.is_inserted)),
            "cut_natural": of_text(*shipped.cuts(lambda hold: not hold.is_inserted)),
            "cut_after_sentences": of_text(shipped.n_understood_cut, shipped.n_understood),
            "cut_elsewhere": shipped.n_elsewhere if self._placed else None,
            "ends_found": of_text(len(latencies_s), shipped.n_ends),
            "end_latency_p50_ms": ms(percentile(latencies_s, 50)),
            "end_latency_p95_ms": ms(percentile(latencies_s, 95)),
            "truncated_taken": of_text(len(waits_s), shipped.n_truncated),
            "truncated_wait_p50_ms": ms(percentile(waits_s, 50)),
        }
        for language in sorted({truth.language for truth, _ in self._placed}):
            own = _Shipped([clip for clip in self._placed if clip[0].language == language])
            row[f"cut_{language}"] = of_text(own.n_cut, own.n_holds)
            row[f"end_latency_{language}_p50_ms"] = ms(percentile(own.latencies_s, 50))
        return row


def _own_latency(shipped: _Shipped, at: str, budget: float) -> Row:
    """Of a detector without a knob."""
    is_met = shipped.n_holds > 0 and shipped.n_cut <= budget * shipped.n_holds
    if not (is_met and shipped.latencies_s):
        return _latency_row(at, None, None, None, None)
    latencies = np.asarray(shipped.latencies_s)
    counts = resample_people(shipped.people)
    interval = middle_95(counts @ latencies / counts.sum(axis=1))
    mean_s, p50_s = float(latencies.mean()), float(np.median(latencies))
    return _latency_row(at, mean_s, p50_s, interval, "as shipped")


def _takeover_row(shipped: _Shipped) -> Row:
    """Full-Duplex-Bench v1: does the assistant start to speak?

    In pauses of 0.4 to 1.0 s it must not; after turns it must. A decision is taken for a reply of
    more than three words; the benchmark listens for them.
    """
    shortest_s, longest_s = TAKEOVER_PAUSE_S
    n_taken, n_pauses = shipped.cuts(lambda hold: shortest_s <= hold.seconds <= longest_s)
    latencies_s = [max(0.0, latency_s) for latency_s in shipped.latencies_s]
    return {
        "takeover_in_pauses_percent": share_percent(n_taken, n_pauses),
        "takeover_in_pauses_95": interval_text(n_taken, n_pauses),
        "takeover_after_turns_percent": share_percent(len(latencies_s), shipped.n_ends),
        "takeover_latency_mean_ms": ms(float(np.mean(latencies_s)) if latencies_s else None),
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
