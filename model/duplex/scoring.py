"""How well ends of turns and interruptions are found: the measures that training and bench share.

Ends are scored by the rule of LiveKit's eot-bench: how soon is a turn's end found when pauses may
rarely be cut? Every detector is swept over the benchmark's own grid: ``threshold`` on its
probability, ``delay`` (shortest silence that is acted on) and ``timeout`` (silence that ends the
turn whatever it says). A silence is ended at max(delay, first probability above the threshold), at
the timeout at the latest, unless the voice returns before. The rate of false cut-offs is pauses
ended per pause of 0.2 to 5 s; a decision outside labelled pauses was made in one that the labels do
not know, and counts as both. Latency is from the labelled end of the turn to the decision, over all
ends. Silence and computing time are as the detector meets them, where eot-bench takes both from its
labels. The best point is chosen on the data it is reported on, as there.

Interruptions are scored by the anchored rates of TurnBench. All times are seconds on one
recording's clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

THRESHOLDS = np.round(np.arange(0.0, 1.01, 0.01), 2)
DELAYS_S = np.round(np.arange(0.2, 1.01, 0.1), 2)
TIMEOUTS_S = np.round(np.arange(1.0, 3.51, 0.5), 2)
TIMER_S = np.union1d(DELAYS_S, TIMEOUTS_S)  # the benchmark's timer baseline
EARLY_S = 0.2  # a detector may call the end of a voice this much before its label...
LATE_S = 0.25  # ...and notice its return this much after; 95 % of both on labelled speech
SHORTEST_HOLD_S, LONGEST_HOLD_S = 0.2, 5.0  # pauses that eot-bench scores
BEFORE_S = 0.25  # TurnBench's matching tolerance: labels are no more exact than that
DEADLINE_S = 3.0  # TurnBench: a decision later than this is a miss
_N_BINS = 10
_N_RESAMPLES, _SEED = 400, 7
_EPS = 1e-9
_EPS_EVENT_S = 1e-6

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause in which the turn goes on.

    Attributes:
        is_inserted: cut into fluent speech.
        is_sentence_end: who takes the turn here is understood, so it is counted apart.
    """

    start_s: float
    end_s: float
    is_inserted: bool = False
    is_sentence_end: bool = False

    @property
    def seconds(self) -> float:
        """Return the length of the pause."""
        return self.end_s - self.start_s

    @property
    def is_scored(self) -> bool:
        """Whether eot-bench scores a pause of this length."""
        return SHORTEST_HOLD_S <= self.seconds <= LONGEST_HOLD_S


@dataclass(frozen=True, slots=True)
class TurnTruth:
    """One user turn.

    Attributes:
        holds: all pauses of a length that is scored.
        end_s: where it ends; None: the user stops in mid-phrase, so no decision is right.
        stop_s: where the voice stops for good.
        clip_s: length of the recording.
        is_end_sure: False: the recording may end inside a sentence, so its end is not timed.
        speaker: whose turn it is; turns of one person are drawn together in intervals.
        text: the words; "" where nobody wrote them down.
    """

    language: str
    holds: tuple[Hold, ...]
    end_s: float | None
    stop_s: float
    clip_s: float
    is_end_sure: bool = True
    speaker: str = ""
    text: str = ""

    @property
    def has_timed_end(self) -> bool:
        """Whether there is an end, and it is sure where."""
        return self.end_s is not None and self.is_end_sure

    @property
    def scored_holds(self) -> tuple[Hold, ...]:
        """Return the pauses in which to take the turn is a fault."""
        return tuple(hold for hold in self.holds if not hold.is_sentence_end)


@dataclass(frozen=True, slots=True)
class PlacedDecisions:
    """Decisions of one clip, each where it belongs.

    Attributes:
        cut_holds: holds in which the turn was taken.
        n_elsewhere: decisions before the end and outside labelled pauses.
        after: decisions once the user had stopped, in order.
    """

    cut_holds: tuple[Hold, ...]
    n_elsewhere: int
    after: tuple[float, ...]


def place_decisions(truth: TurnTruth, decisions: Iterable[float]) -> PlacedDecisions:
    """Assign every decision to a hold, to the end, or to neither."""
    cut: list[Hold] = []
    after: list[float] = []
    n_elsewhere = 0
    for at_s in sorted(decisions):
        hold = next(
            (h for h in truth.holds if h.start_s - EARLY_S <= at_s <= h.end_s + LATE_S), None
        )
        if at_s >= truth.stop_s - EARLY_S:
            after.append(at_s)
        elif hold is None:
            n_elsewhere += 1
        elif hold not in cut:
            cut.append(hold)
    return PlacedDecisions(tuple(cut), n_elsewhere, tuple(after))


@dataclass(frozen=True, slots=True)
class Silence:
    """No voice for at least one frame, after a voice.

    Attributes:
        seconds: infinite where the recording ends in it: nobody would go on.
        voice_before_s: voice since the silence before.
    """

    start_s: float
    seconds: float
    voice_before_s: float


@dataclass(frozen=True, slots=True)
class Score:
    """A probability ``p`` that is known from ``at_s`` on."""

    at_s: float
    p: float


@dataclass(frozen=True, slots=True)
class ScoredClip:
    """One turn as one detector heard it; without ``scores`` only timers are swept."""

    truth: TurnTruth
    silences: tuple[Silence, ...]
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One policy and what it comes to; ``threshold`` None: a plain timer of ``timeout_s``."""

    threshold: float | None
    delay_s: float
    timeout_s: float
    cut_rate: float
    mean_latency_s: float
    p50_latency_s: float

    def __str__(self) -> str:
        if self.threshold is None:
            return f"{self.timeout_s:.1f} s"
        return f"{self.threshold:.2f}/{self.delay_s:.1f}/{self.timeout_s:.1f}"


@dataclass(frozen=True, slots=True, eq=False)
class AppliedPolicy:
    """A policy on other clips than it was chosen on.

    Attributes:
        latency_s: of each clip, (n_clips,); NaN without an end.
    """

    point: OperatingPoint
    latency_s: FloatArray


@dataclass(frozen=True, slots=True)
class _Grid:
    """Policies, flat: thresholds as indexes into THRESHOLDS, -1 for timers. Each (n_policies,)."""

    threshold: npt.NDArray[np.intp]
    delay_s: FloatArray
    timeout_s: FloatArray


class Sweep:
    """What every policy of one detector would have done on every clip."""

    def __init__(self, clips: Sequence[ScoredClip]) -> None:
        """Sweep ``clips``; where none of them has scores, as timers."""
        if any(clip.scores for clip in clips):
            t, d, o = np.meshgrid(np.arange(len(THRESHOLDS)), DELAYS_S, TIMEOUTS_S, indexing="ij")
            self._grid = _Grid(t.ravel(), d.ravel(), o.ravel())
        else:
            self._grid = _Grid(np.full(len(TIMER_S), -1), TIMER_S, TIMER_S)
        self._n_holds = np.array([len(clip.truth.scored_holds) for clip in clips], np.float64)
        self._people = [clip.truth.speaker for clip in clips]
        outcomes = [_outcome(clip, self._grid) for clip in clips]
        shape = (len(clips), len(self._grid.delay_s))
        self._n_cut, self._n_elsewhere, self._latency_s = (
            np.array([outcome[i] for outcome in outcomes], np.float64).reshape(shape)
            for i in range(3)
        )

    def fastest(self, cut_budget: float) -> OperatingPoint | None:
        """Return the least mean latency among policies that cut at most this share of pauses."""
        at = self.index_of_fastest(cut_budget)
        return None if at is None else self._point(at, *self._totals())

    def index_of_fastest(self, cut_budget: float) -> int | None:
        """Return which policy that is: a sweep of other clips with scores has it at this index."""
        rates, means = self._totals()
        means = np.where(rates <= cut_budget + _EPS, means, np.inf)
        return self._least(means, rates)

    def applied(self, at: int) -> AppliedPolicy:
        """Return what the policy at an index comes to on these clips."""
        point = self._point(at, *self._totals())
        return AppliedPolicy(point, self._latency_s[:, at])

    def fewest_cuts(self, latency_budget_s: float) -> OperatingPoint | None:
        """Return the fewest pauses cut among policies whose mean latency is at most this."""
        rates, means = self._totals()
        limited = np.where(means <= latency_budget_s + _EPS, rates, np.inf)
        at = self._least(limited, means)
        return None if at is None else self._point(at, rates, means)

    def points(self) -> list[OperatingPoint]:
        """Return all policies; none where there are no pauses or no ends."""
        rates, means = self._totals()
        if not (np.isfinite(rates) & np.isfinite(means)).any():
            return []
        return [self._point(i, rates, means) for i in range(len(rates))]

    def latency_interval_s(self, cut_budget: float) -> tuple[float, float] | None:
        """Return 95 % of ``fastest`` over resampled people, the point chosen anew in each."""
        if not len(self._n_holds):
            return None
        counts = resample_people(self._people)
        rates, means = self._rates(counts), self._means(counts)
        return middle_95(np.where(rates <= cut_budget + _EPS, means, np.inf).min(axis=1))

    def _totals(self) -> tuple[FloatArray, FloatArray]:
        """Cut rates and mean latencies over all clips, (n_policies,) each."""
        weights = np.ones((1, len(self._n_holds)))
        return self._rates(weights)[0], self._means(weights)[0]

    def _rates(self, weights: FloatArray) -> FloatArray:
        """``weights`` (n, n_clips) -> cut pauses per pause, (n, n_policies); NaN without pauses."""
        n_elsewhere = weights @ self._n_elsewhere
        n_pauses = (weights @ self._n_holds)[:, None] + n_elsewhere
        with np.errstate(divide="ignore", invalid="ignore"):
            return (weights @ self._n_cut + n_elsewhere) / n_pauses

    def _means(self, weights: FloatArray) -> FloatArray:
        """``weights`` (n, n_clips) -> mean latency in s, (n, n_policies); NaN without ends."""
        has_end = np.isfinite(self._latency_s)
        with np.errstate(divide="ignore", invalid="ignore"):
            return (weights @ np.where(has_end, self._latency_s, 0.0)) / (weights @ has_end)

    def _least(self, first: FloatArray, then: FloatArray) -> int | None:
        """Where ``first`` is least, of those where ``then`` is; None where nothing is finite."""
        usable = np.isfinite(first) & np.isfinite(then)
        if not usable.any():
            return None
        order = np.lexsort((np.where(usable, then, np.inf), np.where(usable, first, np.inf)))
        return int(order[0])

    def _point(self, i: int, rates: FloatArray, means: FloatArray) -> OperatingPoint:
        at = int(self._grid.threshold[i])
        return OperatingPoint(
            threshold=float(THRESHOLDS[at]) if at >= 0 else None,
            delay_s=float(self._grid.delay_s[i]),
            timeout_s=float(self._grid.timeout_s[i]),
            cut_rate=float(rates[i]),
            mean_latency_s=float(means[i]),
            p50_latency_s=float(np.nanmedian(self._latency_s[:, i])),
        )


def _outcome(clip: ScoredClip, grid: _Grid) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Holds cut, cuts elsewhere and latency (NaN without an end), (n_policies,) each."""
    truth, n = clip.truth, len(grid.delay_s)
    n_elsewhere, after_s = np.zeros(n), np.full(n, np.inf)
    is_cut = np.zeros((len(truth.holds), n), np.bool_)
    for silence in clip.silences:
        fire_s = _fire_s(silence, clip.scores, grid)
        at_s = silence.start_s + fire_s
        has_fired = fire_s < silence.seconds - _EPS
        is_after = has_fired & (at_s >= truth.stop_s - EARLY_S)
        after_s = np.where(is_after, np.minimum(after_s, at_s), after_s)
        is_early = has_fired & ~is_after
        for i, hold in enumerate(truth.holds):
            is_inside = is_early & (at_s >= hold.start_s - EARLY_S) & (at_s <= hold.end_s + LATE_S)
            is_cut[i] |= is_inside
            is_early &= ~is_inside
        n_elsewhere += is_early
    latency_s = np.full(n, np.nan)
    if truth.end_s is not None and truth.is_end_sure:
        # a voice to the very end of the recording: the silence after it is still to come
        heard_s = np.where(np.isfinite(after_s), after_s, truth.clip_s + grid.timeout_s)
        latency_s = heard_s - truth.end_s
    is_fault = np.array([not hold.is_sentence_end for hold in truth.holds], np.bool_)
    return is_cut[is_fault].sum(axis=0).astype(np.float64), n_elsewhere, latency_s


def _fire_s(silence: Silence, scores: tuple[Score, ...], grid: _Grid) -> FloatArray:
    """Silence after which each policy would act, (n_policies,)."""
    if grid.threshold[0] < 0:
        return grid.timeout_s
    crossing_s = np.full(len(THRESHOLDS), np.inf)
    end_s = silence.start_s + silence.seconds
    for score in scores:
        if silence.start_s <= score.at_s < end_s:
            is_new = (score.p > THRESHOLDS) & np.isinf(crossing_s)
            crossing_s[is_new] = score.at_s - silence.start_s
    fire_s = np.maximum(grid.delay_s, crossing_s[grid.threshold])
    return np.where(fire_s <= grid.timeout_s + _EPS, fire_s, grid.timeout_s)


@dataclass(slots=True)
class AnchoredRates:
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
        """Score one recording; return the decision that found each event, in order of time."""
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
        """Return how many events there were."""
        return self.n_found + self.n_missed

    @property
    def recall(self) -> float | None:
        """Return the share of events that were found; None without events."""
        return self.n_found / self.n_events if self.n_events else None

    @property
    def false_positive_rate(self) -> float | None:
        """Return the share of negative spans with a decision; None without any."""
        return self.n_false / self.n_negatives if self.n_negatives else None


def _is_in(at_s: float, span: Span) -> bool:
    return span.start_s - _EPS_EVENT_S <= at_s <= span.end_s + _EPS_EVENT_S


def calibration_error(
    p: npt.ArrayLike, happened: npt.ArrayLike, weights: npt.ArrayLike = 1.0
) -> float | None:
    """Return the expected calibration error over ten equal bins (Naeini et al. 2015).

    Args:
        p: probabilities said, (n,); without any the error is None.
        happened: what came true, bool (n,).
        weights: of each, (n,) or one number.
    """
    said, true = np.asarray(p, np.float64), np.asarray(happened, np.float64)
    if not len(said):
        return None
    shares = np.broadcast_to(np.asarray(weights, np.float64), said.shape)
    bins = np.minimum((said * _N_BINS).astype(np.intp), _N_BINS - 1)
    gaps = np.bincount(bins, shares * (said - true), _N_BINS)
    return float(np.abs(gaps).sum() / shares.sum())


def resample_counts(n: int) -> FloatArray:
    """Return how often each of ``n`` items is drawn in a bootstrap, (n_resamples, n)."""
    rng = np.random.default_rng(_SEED)
    return rng.multinomial(n, np.full(n, 1.0 / n), size=_N_RESAMPLES).astype(np.float64)


def resample_people(people: Sequence[str]) -> FloatArray:
    """Return how often each item is drawn where people are drawn, (n_resamples, n).

    Whoever is drawn comes with all that is theirs; "" is somebody else each time.
    """
    names = [name or f" {i}" for i, name in enumerate(people)]
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return resample_counts(len(order))[:, [order[name] for name in names]]


def ratio_95(
    ours_s: FloatArray, theirs_s: FloatArray, people: Sequence[str]
) -> tuple[float, float] | None:
    """Return 95 % of the ratio of two means over the same clips, people drawn again.

    Args:
        ours_s: latencies, (n,); NaN where a clip has none.
        theirs_s: likewise, of the same clips.
    """
    if not len(people):
        return None
    has_both = np.isfinite(ours_s) & np.isfinite(theirs_s)
    counts = resample_people(people) * has_both
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (counts @ np.where(has_both, ours_s, 0.0)) / (
            counts @ np.where(has_both, theirs_s, 0.0)
        )
    return middle_95(ratios)


def middle_95(values: FloatArray) -> tuple[float, float] | None:
    """Return the 2.5th and the 97.5th percentile of the finite values; None of nothing."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)
