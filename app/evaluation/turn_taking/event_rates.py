"""Decisions against labelled events: MinMo's F1@K and TurnBench's anchored rates.

Knows neither detectors nor recordings; all times are seconds on one recording's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.evaluation.turn_taking.labels import Span

STEP_S = 0.08  # one step of the predictor
STEPS = (1, 5, 10)
BEFORE_S = 0.25  # TurnBench's matching tolerance: labels are no more exact than that
DEADLINE_S = 3.0  # TurnBench: a decision later than this is a miss
_EPS = 1e-6


@dataclass(slots=True)
class F1:
    """Positive F1 (MinMo): a decision counts if an event lies within ``tolerance_s`` of it."""

    tolerance_s: float
    n_matched: int = 0
    n_decisions: int = 0
    n_events: int = 0

    def add(self, events: Sequence[float], decisions: Sequence[float]) -> None:
        """One recording; every event takes the first free decision near it."""
        free = sorted(decisions)
        self.n_events += len(events)
        self.n_decisions += len(free)
        for event_s in sorted(events):
            near = [t for t in free if abs(t - event_s) <= self.tolerance_s + _EPS]
            if near:
                free.remove(near[0])
                self.n_matched += 1

    @property
    def value(self) -> float | None:
        """None without events."""
        n = self.n_events + self.n_decisions
        return 2.0 * self.n_matched / n if self.n_events else None


def f1_at_steps() -> dict[int, F1]:
    """By K: within K steps of 80 ms."""
    return {k: F1(k * STEP_S) for k in STEPS}


@dataclass(slots=True)
class Anchored:
    """TurnBench's rule: decisions are read only around labelled events.

    An event is found by the first free decision from 0.25 s before it to 3 s after it (or to the
    next event). A negative span (a pause, a backchannel, a noise) is a false positive, once, when a
    free decision lies between 0.25 s before its start and its end, and in no event's window.
    """

    n_found: int = 0
    n_missed: int = 0
    n_false: int = 0
    n_negatives: int = 0
    latencies_s: list[float] = field(default_factory=list[float])

    def add(
        self, events: Iterable[float], negatives: Iterable[Span], decisions: Iterable[float]
    ) -> tuple[float | None, ...]:
        """One recording. Returns the decision that found each event, in order of time."""
        anchors = sorted(events)
        windows = [
            Span(at_s - BEFORE_S, min([at_s + DEADLINE_S, *anchors[i + 1 : i + 2]]))
            for i, at_s in enumerate(anchors)
        ]
        free = sorted(decisions)
        found: list[float | None] = []
        for at_s, window in zip(anchors, windows, strict=True):
            match = next((t for t in free if _is_in(t, window)), None)
            found.append(match)
            if match is None:
                self.n_missed += 1
                continue
            free.remove(match)
            self.n_found += 1
            self.latencies_s.append(match - at_s)
        stray = [t for t in free if not any(_is_in(t, window) for window in windows)]
        for span in negatives:
            self.n_negatives += 1
            site = Span(span.start_s - BEFORE_S, span.end_s)
            self.n_false += any(_is_in(t, site) for t in stray)
        return tuple(found)

    @property
    def n_events(self) -> int:
        return self.n_found + self.n_missed


def _is_in(at_s: float, span: Span) -> bool:
    return span.start_s - _EPS <= at_s <= span.end_s + _EPS
