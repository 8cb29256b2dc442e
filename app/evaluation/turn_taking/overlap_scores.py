"""One detector's scores while the assistant speaks: TurnBench, MinMo, false stops, calibration.

An interruption is found by the decision to give the reply up (cut); how long the reply was audible
is told apart. Knows no detector and reads no file.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.evaluation.scorecard import Calibration, Row, percentile, share_percent
from app.evaluation.turn_taking.detectors import OverlapTrace
from app.evaluation.turn_taking.eot_sweep import Score
from app.evaluation.turn_taking.event_rates import BEFORE_S, STEP_S, Anchored, f1_at_steps
from app.evaluation.turn_taking.labels import Span
from app.evaluation.turn_taking.silences import Stop
from app.evaluation.turn_taking.truth import AFTER_S, OverlapTruth
from app.evaluation.turn_taking.turn_scores import ms, shares_text

SECONDS_A_MINUTE = 60.0
CALIBRATED_S = 1.0  # of every event; what goes on longer is plain to all
FRESH_S = 0.1  # older predictions no longer hold: the predictor had nothing to say


@dataclass(slots=True)
class _Alone:
    """Stops while nobody wanted the floor."""

    seconds: float = 0.0
    n_cuts: int = 0
    n_holds: int = 0

    def add(self, truth: OverlapTruth, stops: tuple[Stop, ...]) -> None:
        self.seconds += truth.alone_s
        for stop in stops:
            if truth.is_alone(stop.stopped_s):
                self.n_cuts += stop.was_cut
                self.n_holds += not stop.was_cut

    def row(self, name: str) -> Row:
        minutes = self.seconds / SECONDS_A_MINUTE
        per_minute = self.n_cuts / minutes if minutes else None
        return {
            f"{name}_minutes": minutes or None,
            f"false_stops_{name}": self.n_cuts if minutes else None,
            f"false_stops_{name}_per_minute": per_minute,
            f"short_holds_{name}": self.n_holds if minutes else None,
        }


@dataclass(slots=True)
class _Backchannels:
    """Short acknowledgements: the reply goes on, at best without a break."""

    n: int = 0
    n_cut: int = 0
    n_held: int = 0

    def add(self, truth: OverlapTruth, stops: tuple[Stop, ...]) -> None:
        for span in truth.backchannels:
            here = [stop for stop in stops if _is_near(stop.stopped_s, span)]
            self.n += 1
            self.n_cut += any(stop.was_cut for stop in here)
            self.n_held += any(not stop.was_cut for stop in here)


def _is_near(at_s: float, span: Span) -> bool:
    return span.start_s - BEFORE_S <= at_s <= span.end_s + AFTER_S


class OverlapScores:
    """Collects recording after recording, then gives the overlap's part of a row."""

    def __init__(self) -> None:
        self._n = 0
        self._anchored = Anchored()
        self._f1 = f1_at_steps()
        self._silent_s: list[float] = []
        self._echo, self._noise = _Alone(), _Alone()
        self._backchannels = _Backchannels()
        self._calibration = Calibration()
        self.missed: list[str] = []

    def add(self, truth: OverlapTruth, trace: OverlapTrace) -> None:
        self._n += 1
        cuts = {stop.decided_s: stop for stop in trace.stops if stop.was_cut}
        onsets = [span.start_s for span in truth.interruptions]
        negatives = [
            Span(span.start_s, span.end_s + AFTER_S)
            for span in (*truth.backchannels, *truth.noises)
        ]
        for onset_s, decided_s in zip(
            onsets, self._anchored.add(onsets, negatives, cuts), strict=True
        ):
            if decided_s is None:
                self.missed.append(truth.name)
            else:
                self._silent_s.append(cuts[decided_s].stopped_s - onset_s)
        for f1 in self._f1.values():
            f1.add(onsets, sorted(cuts))
        (self._noise if truth.is_noisy else self._echo).add(truth, trace.stops)
        self._backchannels.add(truth, trace.stops)
        if trace.scores is not None:
            self._calibrate(truth, trace.scores)

    def _calibrate(self, truth: OverlapTruth, scores: tuple[Score, ...]) -> None:
        """The latest probability at every step of 80 ms of an event's first second."""
        for spans, is_interruption in (
            (truth.interruptions, True),
            (truth.backchannels, False),
            (truth.noises, False),
        ):
            for span in spans:
                at_s = span.start_s + STEP_S
                while at_s <= min(span.end_s, span.start_s + CALIBRATED_S):
                    self._calibration.add(_latest(scores, at_s), is_interruption)
                    at_s += STEP_S

    def row(self) -> Row:
        found, alone = self._anchored, self._backchannels
        latencies_s = found.latencies_s
        return {
            "interruptions_found": _of(found.n_found, found.n_events),
            "interruption_recall": _ratio(found.n_found, found.n_events),
            "interruption_recall_95": shares_text(found.n_found, found.n_events),
            "interruption_false_positives": _ratio(found.n_false, found.n_negatives),
            "interruption_false_positives_95": shares_text(found.n_false, found.n_negatives),
            "decision_latency_p50_ms": ms(percentile(latencies_s, 50)),
            "decision_latency_p95_ms": ms(percentile(latencies_s, 95)),
            "silence_latency_p50_ms": ms(percentile(self._silent_s, 50)),
            "silence_latency_p95_ms": ms(percentile(self._silent_s, 95)),
            **{f"user_turn_f1_at_{k}": f1.value for k, f1 in self._f1.items()},
            "backchannels": alone.n if self._n else None,
            "backchannel_accuracy_percent": share_percent(alone.n - alone.n_cut, alone.n),
            "backchannel_accuracy_95": shares_text(alone.n - alone.n_cut, alone.n),
            "backchannels_held_shortly": alone.n_held if alone.n else None,
            **self._noise.row("noise"),
            **self._echo.row("echo"),
            "interruption_calibration_error": self._calibration.error,
        }


def _latest(scores: tuple[Score, ...], at_s: float) -> float:
    """0.0 where nothing was said lately."""
    return next((s.p for s in reversed(scores) if at_s - FRESH_S < s.at_s <= at_s), 0.0)


def _ratio(n_hits: int, n: int) -> float | None:
    return n_hits / n if n else None


def _of(n_hits: int, n: int) -> str | None:
    return f"{n_hits} of {n}" if n else None
