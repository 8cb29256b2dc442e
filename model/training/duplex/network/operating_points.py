"""What probabilities are worth once somebody acts on them: cut-offs, latencies, false stops.

Pauses are scored by the rule of eot-bench: the sweep over threshold, delay and timeout, least mean
latency within a budget of false cut-offs. Overlaps are scored by event (TurnBench's rule: recall,
false positives, median latency). Knows no network; times are on the detector's clock.

Do probabilities mean what they say? One temperature for a network's logits (Guo et al. 2017).

Knows no network, no clip, no threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.duplex.outcomes import Outcome
from model.duplex.overlap_policy import SHORT_MS
from model.duplex.predictor_card import EndpointingPoint, OverlapPoint
from model.training.duplex.data.dataset import Clip
from model.training.duplex.network.batches import STEP_MS, Floats, is_followed, runs, silence_ms

N_BINS = 15
_TEMPERATURES = np.geomspace(0.25, 8.0, 241)  # steps of 1.5 %


def fit_temperature(logits: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> float:
    """The temperature of highest likelihood; 1.0 for no data.

    ``logits``: (n, classes), ``truth``: (n,) rows of the classes that were true.
    """
    if not len(truth):
        return 1.0
    losses = [negative_log_likelihood(logits, truth, t) for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def negative_log_likelihood(
    logits: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], temperature: float
) -> float:
    """Mean, in nats."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(scaled).sum(axis=1))
    return float(np.mean(log_sums - scaled[np.arange(len(truth)), truth]))


def calibration_error(p: npt.NDArray[np.floating], happened: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error: |said - happened| over bins of equal width, weighted by size."""
    if not len(p):
        return 0.0
    bins = np.minimum((p * N_BINS).astype(int), N_BINS - 1)
    said = np.bincount(bins, p, N_BINS)
    true = np.bincount(bins, happened, N_BINS)
    return float(np.abs(said - true).sum() / len(p))


THRESHOLDS = np.concatenate([np.linspace(0.02, 0.96, 48), [0.97, 0.98, 0.985, 0.99, 0.995]])
DELAYS_MS = (200.0, 280.0, 360.0, 440.0, 520.0, 680.0, 840.0)  # before, it may be a consonant
TIMEOUTS_MS = (800.0, 1000.0, 1200.0, 1600.0, 2000.0, 2500.0, 3000.0)
_ABOUT_AS_QUICK = 1.03
_LEAST_HOLD_P, _LEAST_CUT_P = 0.3, 0.5  # however few backchannels there were to measure
_LEAST_RESUME_P, _MOST_RESUME_P = 0.5, 0.95
_HYSTERESIS = 0.15  # a probability that wavers must not hold and let go by turns
LEAST_HOLD_MS = 200.0  # shorter gaps belong to fluent speech
TIMER_MS = tuple(np.arange(200.0, 3001.0, 40.0))


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence of the user's turn.

    Attributes:
        silence_ms: (n,) at every step of it.
        p_end: (n,) what the network said.
    """

    is_end: bool
    silence_ms: Floats
    p_end: Floats


@dataclass(frozen=True, slots=True)
class Overlap:
    """Sound while the assistant speaks; arrays are (n,), a step each, from its onset."""

    outcome: Outcome
    p_interruption: Floats

    @property
    def seconds(self) -> float:
        return len(self.p_interruption) * STEP_MS / 1000.0


@dataclass(frozen=True, slots=True)
class EndScore:
    """Of one operating point; ``false_cut_offs`` is a share of the holds."""

    point: EndpointingPoint
    false_cut_offs: float
    latency_ms: float


def pauses_of(clip: Clip, p: Floats) -> Iterable[Pause]:
    """``p``: (t, 5). A pause is an end if its last step is one; a hold if speech goes on after it.

    A turn that was given up is neither.
    """
    quiet_ms = silence_ms(clip.features)
    asked = np.isin(clip.outcomes, (Outcome.HOLD, Outcome.END_OF_TURN))
    for run in runs((quiet_ms > 0.0) & asked & ~clip.is_overlap):
        is_end = bool(clip.outcomes[run.stop - 1] == Outcome.END_OF_TURN)
        goes_on = run.stop < len(quiet_ms) and quiet_ms[run.stop] <= 0.0
        if is_end or (goes_on and quiet_ms[run].max() >= LEAST_HOLD_MS):
            yield Pause(is_end, quiet_ms[run], p[run, Outcome.END_OF_TURN])


def overlaps_of(clip: Clip, p: Floats) -> Iterable[Overlap]:
    """Stretches of one outcome while the assistant speaks. ``p``: (t, 5).

    p_interruption counts only while a voice is followed, as it does in a conversation.
    """
    p_stop = np.where(is_followed(clip.features), p[:, Outcome.INTERRUPTION], 0.0)
    for outcome in (Outcome.INTERRUPTION, Outcome.BACKCHANNEL, Outcome.NOISE):
        for run in runs((clip.outcomes == outcome) & clip.is_overlap):
            yield Overlap(outcome, p_stop[run])


def sweep(pauses: Sequence[Pause]) -> list[EndScore]:
    """All operating points; empty without both holds and ends."""
    holds = [pause for pause in pauses if not pause.is_end]
    ends = [pause for pause in pauses if pause.is_end]
    if not holds or not ends:
        return []
    scores: list[EndScore] = []
    longest_ms = np.array([pause.silence_ms.max() for pause in holds])
    for delay_ms in DELAYS_MS:
        hold_peaks, end_peaks = _Peaks(holds, delay_ms), _Peaks(ends, delay_ms)
        for threshold in THRESHOLDS:
            in_holds = np.isfinite(hold_peaks.first_ms(threshold))
            in_ends_ms = end_peaks.first_ms(threshold)
            for timeout_ms in TIMEOUTS_MS:
                point = EndpointingPoint(float(threshold), delay_ms, timeout_ms)
                cut = float(np.mean(in_holds | (longest_ms >= timeout_ms)))
                latency_ms = float(np.mean(np.minimum(in_ends_ms, timeout_ms)))
                scores.append(EndScore(point, cut, latency_ms))
    return scores


class _Peaks:
    """Highest p so far at every step of some pauses, so that a threshold is one comparison."""

    def __init__(self, pauses: Sequence[Pause], delay_ms: float) -> None:
        n_steps = max(len(pause.p_end) for pause in pauses)
        self._p = np.full((len(pauses), n_steps), -1.0, np.float32)
        self._silence_ms = np.full((len(pauses), n_steps), np.inf, np.float32)
        for row, pause in enumerate(pauses):
            asked = np.where(pause.silence_ms >= delay_ms, pause.p_end, -1.0)
            self._p[row, : len(asked)] = asked
            self._silence_ms[row, : len(asked)] = pause.silence_ms

    def first_ms(self, threshold: float) -> Floats:
        """Silence at which p first reaches ``threshold``; inf: never."""
        return np.where(self._p >= threshold, self._silence_ms, np.inf).min(axis=1)


def best_within(scores: Sequence[EndScore], budget: float) -> EndScore | None:
    """Least latency with at most ``budget`` false cut-offs; where none is, the fewest.

    Of those about as quick the most careful one.
    """
    if not scores:
        return None
    allowed = [score for score in scores if score.false_cut_offs <= budget]
    if not allowed:
        return min(scores, key=lambda score: (score.false_cut_offs, score.latency_ms))
    limit_ms = _ABOUT_AS_QUICK * min(score.latency_ms for score in allowed)
    quick = [score for score in allowed if score.latency_ms <= limit_ms]
    return min(quick, key=lambda score: (score.false_cut_offs, -score.point.end_p))


def timer_latency_ms(pauses: Sequence[Pause], budget: float) -> float | None:
    """The same for a plain silence timer; None: no timer of up to 3 s keeps the budget."""
    longest_ms = np.array([pause.silence_ms.max() for pause in pauses if not pause.is_end])
    if not len(longest_ms):
        return None
    kept = [ms for ms in TIMER_MS if np.mean(longest_ms >= ms) <= budget]
    return float(min(kept)) if kept else None


@dataclass(frozen=True, slots=True)
class OverlapScore:
    """Of one threshold on p_interruption.

    Attributes:
        recall: share of interruptions that stopped the assistant.
        false_positives: share of backchannels that did.
        stops_per_minute: by noise, echo and other people.
        p50_ms: from onset to stop.
    """

    threshold: float
    recall: float
    false_positives: float
    stops_per_minute: float
    p50_ms: float


def overlap_score(overlaps: Sequence[Overlap], threshold: float) -> OverlapScore:
    """What acting at ``threshold`` comes to."""
    stops: dict[Outcome, list[float | None]] = {}
    noise_s = 0.0
    for overlap in overlaps:
        reached = np.flatnonzero(overlap.p_interruption >= threshold)
        stop_ms = STEP_MS * float(reached[0] + 1) if len(reached) else None
        stops.setdefault(overlap.outcome, []).append(stop_ms)
        noise_s += overlap.seconds if overlap.outcome is Outcome.NOISE else 0.0
    hits = [ms for ms in stops.get(Outcome.INTERRUPTION, []) if ms is not None]
    n_noise = sum(ms is not None for ms in stops.get(Outcome.NOISE, []))
    return OverlapScore(
        threshold=threshold,
        recall=_share(stops.get(Outcome.INTERRUPTION, [])),
        false_positives=_share(stops.get(Outcome.BACKCHANNEL, [])),
        stops_per_minute=60.0 * n_noise / noise_s if noise_s else 0.0,
        p50_ms=float(np.median(hits)) if hits else float("nan"),
    )


def _share(stops: Sequence[float | None]) -> float:
    return sum(ms is not None for ms in stops) / len(stops) if stops else 0.0


def overlap_point(
    overlaps: Sequence[Overlap],
    *,
    hold_budget: float = 0.5,
    cut_budget: float = 0.15,
    lost: float = 0.1,
) -> OverlapPoint:
    """Thresholds from budgets.

    Args:
        hold_budget: share of backchannels that may hold the reply for a moment.
        cut_budget: share of them that may cut it.
        lost: share of held interruptions that may be taken for harmless before they cut.
    """
    hold_p = max(_least_threshold(overlaps, hold_budget), _LEAST_HOLD_P)
    cut_p = _least_threshold(overlaps, cut_budget, after_ms=SHORT_MS)
    cut_p = max(cut_p, hold_p, _LEAST_CUT_P)
    lows: list[float] = []
    for overlap in overlaps:
        p = overlap.p_interruption
        held = np.flatnonzero(p >= hold_p)
        cuts = np.flatnonzero(p >= cut_p)
        if overlap.outcome is not Outcome.INTERRUPTION or not len(cuts):
            continue
        between = p[int(held[0]) : int(cuts[0])]
        lows.append(float(between.min()) if len(between) else 1.0)
    resume_p = 1.0 - float(np.quantile(lows, lost)) if lows else 0.0
    least = max(1.0 - hold_p + _HYSTERESIS, _LEAST_RESUME_P)
    return OverlapPoint(hold_p, cut_p, min(max(resume_p, least), _MOST_RESUME_P))


def _least_threshold(overlaps: Sequence[Overlap], budget: float, *, after_ms: float = 0.0) -> float:
    """``budget`` comes to a whole number of backchannels, the nearest one."""
    n_before = int(after_ms / STEP_MS)
    peaks = [
        float(overlap.p_interruption[n_before:].max(initial=0.0))
        for overlap in overlaps
        if overlap.outcome is Outcome.BACKCHANNEL
    ]
    n_allowed = round(budget * len(peaks))
    for threshold in THRESHOLDS:
        if sum(peak >= threshold for peak in peaks) <= n_allowed:
            return float(threshold)
    return float(THRESHOLDS[-1])
