"""The rule of LiveKit's eot-bench: how soon is a turn's end found when pauses may rarely be cut?

Every detector is swept over the benchmark's own grid: ``threshold`` on its probability, ``delay``
(shortest silence that is acted on) and ``timeout`` (silence that ends the turn whatever it says). A
silence is ended at max(delay, first probability above the threshold), at the timeout at the latest,
unless the voice returns before. The rate of false cut-offs is pauses ended per pause of 0.2 to 5 s;
a decision outside labelled pauses was made in one that the labels do not know, and counts as both.
Latency is from the labelled end of the turn to the decision, over all ends. Silence and computing
time are as the detector meets them, where eot-bench takes both from its labels. The best point is
chosen on the data it is reported on, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.evaluation.scorecard import middle_95, resample_counts
from app.evaluation.turn_taking.silences import Silence
from app.evaluation.turn_taking.truth import EARLY_S, LATE_S, TurnTruth

THRESHOLDS = np.round(np.arange(0.0, 1.01, 0.01), 2)
DELAYS_S = np.round(np.arange(0.2, 1.01, 0.1), 2)
TIMEOUTS_S = np.round(np.arange(1.0, 3.51, 0.5), 2)
TIMER_S = np.union1d(DELAYS_S, TIMEOUTS_S)  # the benchmark's timer baseline
_EPS = 1e-9

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """``p``, the probability that the turn is over, known from ``at_s`` on."""

    at_s: float
    p: float


@dataclass(frozen=True, slots=True)
class ScoredClip:
    """One clip as one detector heard it; without ``scores`` only timers are swept."""

    truth: TurnTruth
    silences: tuple[Silence, ...]
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """``threshold`` None: a plain timer of ``timeout_s``."""

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


@dataclass(frozen=True, slots=True)
class _Grid:
    """Policies, flat: thresholds as indexes into THRESHOLDS, -1 for timers. Each (n_policies,)."""

    threshold: npt.NDArray[np.intp]
    delay_s: FloatArray
    timeout_s: FloatArray


def _model_grid() -> _Grid:
    t, d, o = np.meshgrid(np.arange(len(THRESHOLDS)), DELAYS_S, TIMEOUTS_S, indexing="ij")
    return _Grid(t.ravel(), d.ravel(), o.ravel())


def _timer_grid() -> _Grid:
    return _Grid(np.full(len(TIMER_S), -1), TIMER_S, TIMER_S)


class Sweep:
    """What every policy of one detector would have done on every clip."""

    def __init__(self, clips: Sequence[ScoredClip]) -> None:
        """A detector is swept as a timer when none of its clips has scores."""
        self._grid = _model_grid() if any(clip.scores for clip in clips) else _timer_grid()
        self._n_holds = np.array([len(clip.truth.holds) for clip in clips], np.float64)
        worked = [_outcome(clip, self._grid) for clip in clips]
        shape = (len(clips), len(self._grid.delay_s))
        self._n_cut = np.array([w.n_cut for w in worked], np.float64).reshape(shape)
        self._n_elsewhere = np.array([w.n_elsewhere for w in worked], np.float64).reshape(shape)
        self._latency_s = np.array([w.latency_s for w in worked], np.float64).reshape(shape)

    def fastest(self, cut_budget: float) -> OperatingPoint | None:
        """Least mean latency among policies that cut at most this share of the pauses."""
        weights = np.ones(len(self._n_holds))
        rates, means = self._rates(weights[None])[0], self._means(weights[None])[0]
        means = np.where(rates <= cut_budget + _EPS, means, np.inf)
        return self._point(_least(means, rates), rates, means)

    def fewest_cuts(self, latency_budget_s: float) -> OperatingPoint | None:
        """Fewest pauses cut among policies whose mean latency is at most this."""
        weights = np.ones(len(self._n_holds))
        rates, means = self._rates(weights[None])[0], self._means(weights[None])[0]
        rates = np.where(means <= latency_budget_s + _EPS, rates, np.inf)
        return self._point(_least(rates, means), rates, means)

    def latency_interval_s(self, cut_budget: float) -> tuple[float, float] | None:
        """95 % of ``fastest`` over resampled clips, the point chosen anew in each."""
        if not len(self._n_holds):
            return None
        counts = resample_counts(len(self._n_holds))
        rates, means = self._rates(counts), self._means(counts)
        best = np.where(rates <= cut_budget + _EPS, means, np.inf).min(axis=1)
        return middle_95(best)

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

    def _point(self, i: int | None, rates: FloatArray, means: FloatArray) -> OperatingPoint | None:
        if i is None:
            return None
        at = int(self._grid.threshold[i])
        return OperatingPoint(
            threshold=float(THRESHOLDS[at]) if at >= 0 else None,
            delay_s=float(self._grid.delay_s[i]),
            timeout_s=float(self._grid.timeout_s[i]),
            cut_rate=float(rates[i]),
            mean_latency_s=float(means[i]),
            p50_latency_s=float(np.nanmedian(self._latency_s[:, i])),
        )


def _least(first: FloatArray, then: FloatArray) -> int | None:
    """Where ``first`` is least, of those where ``then`` is; None where nothing is finite."""
    usable = np.isfinite(first) & np.isfinite(then)
    if not usable.any():
        return None
    order = np.lexsort((np.where(usable, then, np.inf), np.where(usable, first, np.inf)))
    return int(order[0])


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What each policy did on one clip, (n_policies,) each; latency is NaN without an end."""

    n_cut: FloatArray
    n_elsewhere: FloatArray
    latency_s: FloatArray


def _outcome(clip: ScoredClip, grid: _Grid) -> _Outcome:
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
    if truth.end_s is not None:
        # a voice to the very end of the recording: the silence after it is still to come
        heard_s = np.where(np.isfinite(after_s), after_s, truth.clip_s + grid.timeout_s)
        latency_s = heard_s - truth.end_s
    return _Outcome(is_cut.sum(axis=0).astype(np.float64), n_elsewhere, latency_s)


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
