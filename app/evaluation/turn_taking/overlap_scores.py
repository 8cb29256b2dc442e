"""One detector's scores while the assistant speaks: TurnBench, MinMo, false stops, calibration.

An interruption is found by the decision to give the reply up (cut); how long the reply was audible
is told apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.evaluation.scorecard import Row, interval_text, ms, of_text, percentile, share_percent
from app.evaluation.turn_taking.detectors import OverlapTrace
from app.evaluation.turn_taking.silences import Stop
from app.evaluation.turn_taking.turn_scores import STEP_S, f1_at_steps
from model.duplex.labels import OverlapScene
from model.duplex.scoring import BEFORE_S, AnchoredRates, Score, Span, calibration_error

AFTER_S = 0.7  # a decision on a short sound comes this much after its end at the latest
ECHO_TAIL_S = 0.3  # the far end is heard this much longer than it plays
SECONDS_A_MINUTE = 60.0
CALIBRATED_S = 1.0  # of every event; what goes on longer is plain to all
SHORT_HOLD_S = 2.0  # who is silent for longer has, to the listener, stopped
FRESH_S = 0.1  # older predictions no longer hold: the predictor had nothing to say


@dataclass(frozen=True, slots=True)
class OverlapTruth:
    """One recording in which the assistant speaks.

    Attributes:
        speaking: when it is audible.
        interruptions: ordered by onset; likewise the others.
        unsure: words that may mean either, counted apart.
        category: of the scene.
        echo_db: of the loudspeaker at the microphone; None: headphones.
        alone: nobody wants the floor: own echo, and ``noises`` where there are any.
        is_noisy: household noise is in ``alone``.
    """

    name: str
    speaking: Span
    interruptions: tuple[Span, ...]
    backchannels: tuple[Span, ...]
    noises: tuple[Span, ...]
    alone: tuple[Span, ...]
    is_noisy: bool
    unsure: tuple[Span, ...] = ()
    category: str = ""
    echo_db: float | None = None

    def is_speaking(self, at_s: float) -> bool:
        """Whether the assistant is audible."""
        return self.speaking.start_s <= at_s <= self.speaking.end_s

    def is_alone(self, at_s: float) -> bool:
        """Whether nobody wants the floor."""
        return any(span.start_s <= at_s <= span.end_s for span in self.alone)

    @property
    def alone_s(self) -> float:
        """Return for how long nobody wants the floor."""
        return sum(span.end_s - span.start_s for span in self.alone)


def truth_of_scene(scene: OverlapScene, seconds: float) -> OverlapTruth:
    """Return the truth; without a far end as if a reply were being played on headphones."""
    far = scene.far_span
    speaking = Span(0.0, seconds) if far is None else Span(far.start_s, far.end_s + ECHO_TAIL_S)
    speaking = Span(speaking.start_s, min(speaking.end_s, seconds))
    interruptions = _spans(scene, "user_interruption")
    backchannels = _spans(scene, "user_backchannel")
    noises = _spans(scene, "noise_event", "background_talk")
    unsure: tuple[Span, ...] = ()
    if not scene.expect_sure:
        unsure = (*interruptions, *backchannels)
        interruptions = backchannels = ()
    return OverlapTruth(
        name=scene.id,
        speaking=speaking,
        interruptions=interruptions,
        backchannels=backchannels,
        noises=noises,
        alone=_alone(speaking, (*interruptions, *unsure), backchannels),
        is_noisy=bool(noises) or scene.category == "noise_only",
        unsure=unsure,
        category=scene.category,
        echo_db=None if scene.echo is None else scene.echo.erl_db,
    )


def _spans(scene: OverlapScene, *kinds: str) -> tuple[Span, ...]:
    spans = (Span(event.onset, event.end) for event in scene.events if event.event in kinds)
    return tuple(sorted(spans, key=lambda span: span.start_s))


def _alone(
    speaking: Span, interruptions: Sequence[Span], backchannels: Sequence[Span]
) -> tuple[Span, ...]:
    """``speaking`` up to the first interruption (the reply ends there), less the backchannels."""
    end_s = min([speaking.end_s, *(span.start_s - BEFORE_S for span in interruptions)])
    at_s = speaking.start_s
    alone: list[Span] = []
    for span in backchannels:
        before_s = min(span.start_s - BEFORE_S, end_s)
        if before_s > at_s:
            alone.append(Span(at_s, before_s))
        at_s = max(at_s, span.end_s + AFTER_S)
    if end_s > at_s:
        alone.append(Span(at_s, end_s))
    return tuple(alone)


@dataclass(slots=True)
class _FalseStops:
    """Stops while nobody wanted the floor."""

    seconds: float = 0.0
    n_cuts: int = 0
    holds_s: list[float] = field(default_factory=list[float])

    def add(self, truth: OverlapTruth, stops: tuple[Stop, ...]) -> None:
        self.seconds += truth.alone_s
        for stop in stops:
            if not truth.is_alone(stop.stopped_s):
                continue
            if stop.was_cut:
                self.n_cuts += 1
            else:
                self.holds_s.append(stop.decided_s - stop.stopped_s)

    def row(self, name: str) -> Row:
        minutes = self.seconds / SECONDS_A_MINUTE
        return {
            f"{name}_minutes": minutes or None,
            f"false_stops_{name}": self.n_cuts if minutes else None,
            f"false_stops_{name}_per_minute": self.n_cuts / minutes if minutes else None,
            f"short_holds_{name}": self.n_holds(is_long=False) if minutes else None,
            f"long_holds_{name}": self.n_holds(is_long=True) if minutes else None,
            f"stops_and_long_holds_{name}_per_minute": (
                (self.n_cuts + self.n_holds(is_long=True)) / minutes if minutes else None
            ),
            f"held_{name}_s": sum(self.holds_s) if minutes else None,
        }

    def n_holds(self, *, is_long: bool) -> int:
        """Return how many were short, or long."""
        return sum((seconds > SHORT_HOLD_S) is is_long for seconds in self.holds_s)


@dataclass(frozen=True, slots=True)
class OverlapResult:
    """One recording, scored.

    Attributes:
        decided_s: after its onset, of each interruption; None: missed.
        were_kept: of each acknowledgement, whether the reply went on.
        n_false_stops: while nobody wanted the floor.
        n_long_holds: likewise.
    """

    truth: OverlapTruth
    decided_s: tuple[float | None, ...]
    were_kept: tuple[bool, ...]
    n_false_stops: int
    n_long_holds: int


class OverlapScores:
    """Collects recording after recording, then gives the overlap's part of a row."""

    def __init__(self) -> None:
        self._n = 0
        self._anchored = AnchoredRates()
        self._f1 = f1_at_steps()
        self._silent_s: list[float] = []
        self._echo, self._noise = _FalseStops(), _FalseStops()
        self._n_backchannels = self._n_cut = self._n_held = 0
        self._n_unsure = self._n_unsure_cut = 0
        self._said: list[float] = []
        self._was_true: list[bool] = []
        self.missed: list[str] = []
        self.results: list[OverlapResult] = []

    def add(self, truth: OverlapTruth, trace: OverlapTrace) -> None:
        """Score one recording."""
        self._n += 1
        cuts = {stop.decided_s: stop for stop in trace.stops if stop.was_cut}
        onsets = [span.start_s for span in truth.interruptions]
        negatives = [
            Span(span.start_s, span.end_s + AFTER_S)
            for span in (*truth.backchannels, *truth.noises)
        ]
        decided = self._anchored.add(onsets, negatives, cuts)
        for onset_s, decided_s in zip(onsets, decided, strict=True):
            if decided_s is None:
                self.missed.append(truth.name)
            else:
                self._silent_s.append(cuts[decided_s].stopped_s - onset_s)
        if not truth.unsure:
            for f1 in self._f1.values():
                f1.add(onsets, sorted(cuts))
        (self._noise if truth.is_noisy else self._echo).add(truth, trace.stops)
        self.results.append(_result(truth, trace.stops, decided))
        for span in truth.unsure:
            self._n_unsure += 1
            self._n_unsure_cut += any(stop.was_cut for stop in _stops_in(span, trace.stops))
        for span in truth.backchannels:
            here = _stops_in(span, trace.stops)
            self._n_backchannels += 1
            self._n_cut += any(stop.was_cut for stop in here)
            self._n_held += any(not stop.was_cut for stop in here)
        if trace.scores is not None:
            self._calibrate(truth, trace.scores)

    def _calibrate(self, truth: OverlapTruth, scores: tuple[Score, ...]) -> None:
        """The latest probability at every step of 80 ms of an event's first second."""
        others = (*truth.backchannels, *truth.noises)
        for spans, is_interruption in ((truth.interruptions, True), (others, False)):
            for span in spans:
                at_s = span.start_s + STEP_S
                while at_s <= min(span.end_s, span.start_s + CALIBRATED_S):
                    self._said.append(_latest(scores, at_s))
                    self._was_true.append(is_interruption)
                    at_s += STEP_S

    def row(self) -> Row:
        """Return the overlap's columns; None where nothing was measured."""
        found, n = self._anchored, self._n_backchannels
        return {
            "interruptions_found": of_text(found.n_found, found.n_events),
            "interruption_recall": found.recall,
            "interruption_recall_95": interval_text(found.n_found, found.n_events),
            "interruption_false_positives": found.false_positive_rate,
            "interruption_false_positives_95": interval_text(found.n_false, found.n_negatives),
            "decision_latency_p50_ms": ms(percentile(found.latencies_s, 50)),
            "decision_latency_p95_ms": ms(percentile(found.latencies_s, 95)),
            "silence_latency_p50_ms": ms(percentile(self._silent_s, 50)),
            "silence_latency_p95_ms": ms(percentile(self._silent_s, 95)),
            **{f"user_turn_f1_at_{k}": f1.value for k, f1 in self._f1.items()},
            "backchannels": n if self._n else None,
            "backchannel_accuracy_percent": share_percent(n - self._n_cut, n),
            "backchannel_accuracy_95": interval_text(n - self._n_cut, n),
            "backchannels_held_shortly": self._n_held if n else None,
            "unsure_words_stopped": of_text(self._n_unsure_cut, self._n_unsure),
            **self._noise.row("noise"),
            **self._echo.row("echo"),
            "interruption_calibration_error": calibration_error(self._said, self._was_true),
        }


def _result(
    truth: OverlapTruth, stops: Sequence[Stop], decided: Sequence[float | None]
) -> OverlapResult:
    false = _FalseStops()
    false.add(truth, tuple(stops))
    onsets = [span.start_s for span in truth.interruptions]
    return OverlapResult(
        truth,
        tuple(
            None if at_s is None else at_s - onset_s
            for onset_s, at_s in zip(onsets, decided, strict=True)
        ),
        tuple(
            not any(stop.was_cut for stop in _stops_in(span, stops)) for span in truth.backchannels
        ),
        false.n_cuts,
        false.n_holds(is_long=True),
    )


def _stops_in(span: Span, stops: Sequence[Stop]) -> list[Stop]:
    begin_s, end_s = span.start_s - BEFORE_S, span.end_s + AFTER_S
    return [stop for stop in stops if begin_s <= stop.stopped_s <= end_s]


def _latest(scores: tuple[Score, ...], at_s: float) -> float:
    """0.0 where nothing was said lately."""
    return next((s.p for s in reversed(scores) if at_s - FRESH_S < s.at_s <= at_s), 0.0)
