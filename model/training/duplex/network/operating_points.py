"""Operating points of a trained network: one temperature, and thresholds within budgets.

Ends and interruptions are scored as the bench scores them (``model.duplex.scoring``); times are on
the predictor's own clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from model.duplex.outcomes import Outcome
from model.duplex.policy import SHORT_MS, OverlapPoint
from model.duplex.scoring import (
    THRESHOLDS,
    AnchoredRates,
    Hold,
    OperatingPoint,
    Score,
    ScoredClip,
    Silence,
    Span,
    Sweep,
    TurnTruth,
)
from model.training.duplex.data.dataset import Clip
from model.training.duplex.data.utterance import runs
from model.training.duplex.network.batches import STEP_MS, Floats, is_followed, silence_ms

_TEMPERATURES = np.geomspace(0.25, 8.0, 241)  # steps of 1.5 %
_ABOUT_AS_QUICK = 1.03
_LEAST_HOLD_P, _LEAST_CUT_P = 0.3, 0.5  # however few backchannels there were to measure
_LEAST_RESUME_P, _MOST_RESUME_P = 0.5, 0.95
_HYSTERESIS = 0.15  # a probability that wavers must not hold and let go by turns
_FRAME_S = 0.01


def fit_temperature(logits: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> float:
    """Return the temperature of highest likelihood (Guo et al. 2017); 1.0 for no data.

    ``logits``: (n, classes), ``truth``: (n,) rows of the classes that were true.
    """
    if not len(truth):
        return 1.0
    means = [np.mean(losses(logits, truth, t)) for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(means))])


def log_probabilities(
    logits: npt.NDArray[np.float32], temperature: float
) -> npt.NDArray[np.float64]:
    """Return log-probabilities (n, classes)."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


def losses(
    logits: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], temperature: float
) -> npt.NDArray[np.float64]:
    """Return the loss of every row in nats, (n,)."""
    return -log_probabilities(logits, temperature)[np.arange(len(truth)), truth]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Sound while the assistant speaks; arrays are (n,), a step each, from its onset."""

    outcome: Outcome
    p_interruption: Floats

    @property
    def seconds(self) -> float:
        """Return how long it lasts."""
        return len(self.p_interruption) * STEP_MS / 1000.0


def pauses_of(clip: Clip, p: Floats) -> Iterable[ScoredClip]:
    """Yield each pause as a clip of its own that begins with its silence. ``p``: (t, 5).

    A pause is an end if its last step is one; a hold if speech goes on after it. A turn that was
    given up is neither.
    """
    quiet_ms = silence_ms(clip.features)
    asked = np.isin(clip.outcomes, (Outcome.HOLD, Outcome.END_OF_TURN))
    for run in runs((quiet_ms > 0.0) & asked & ~clip.is_overlap):
        at_s = quiet_ms[run].astype(np.float64) / 1000.0
        scores = tuple(map(Score, at_s.tolist(), p[run, Outcome.END_OF_TURN].tolist()))
        if clip.outcomes[run.stop - 1] == Outcome.END_OF_TURN:
            truth = TurnTruth(clip.language, (), 0.0, 0.0, float(at_s.max()))
            yield ScoredClip(truth, (Silence(0.0, np.inf, 0.0),), scores)
            continue
        hold = Hold(0.0, float(at_s.max()) + _FRAME_S)  # the voice comes back in a later frame
        if run.stop < len(quiet_ms) and quiet_ms[run.stop] <= 0.0 and hold.is_scored:
            truth = TurnTruth(clip.language, (hold,), None, np.inf, hold.end_s)
            yield ScoredClip(truth, (Silence(0.0, hold.seconds, 0.0),), scores)


def overlaps_of(clip: Clip, p: Floats) -> Iterable[Overlap]:
    """Yield stretches of one outcome while the assistant speaks. ``p``: (t, 5).

    p_interruption counts only while a voice is followed, as it does in a conversation.
    """
    p_stop = np.where(is_followed(clip.features), p[:, Outcome.INTERRUPTION], 0.0)
    for outcome in (Outcome.INTERRUPTION, Outcome.BACKCHANNEL, Outcome.NOISE):
        for run in runs((clip.outcomes == outcome) & clip.is_overlap):
            yield Overlap(outcome, p_stop[run])


def best_within(points: Sequence[OperatingPoint], budget: float) -> OperatingPoint | None:
    """Return the least latency with at most ``budget`` of the holds cut; else the fewest cuts.

    Of those about as quick it is the most careful one.
    """
    if not points:
        return None
    allowed = [point for point in points if point.cut_rate <= budget]
    if not allowed:
        return min(points, key=lambda point: (point.cut_rate, point.mean_latency_s))
    limit_s = _ABOUT_AS_QUICK * min(point.mean_latency_s for point in allowed)
    quick = [point for point in allowed if point.mean_latency_s <= limit_s]
    return min(quick, key=lambda point: (point.cut_rate, -(point.threshold or 0.0)))


def timer_latency_ms(pauses: Sequence[ScoredClip], budget: float) -> float | None:
    """Return the same for a plain silence timer; None: no timer keeps the budget."""
    point = Sweep([replace(pause, scores=()) for pause in pauses]).fastest(budget)
    return None if point is None else 1000.0 * point.mean_latency_s


@dataclass(frozen=True, slots=True)
class OverlapScore:
    """What acting at one threshold on p_interruption comes to.

    Attributes:
        recall: share of interruptions that stopped the assistant within the bench's deadline.
        false_positives: share of backchannels that did.
        stops_per_minute: by noise, echo and other people.
        p50_ms: from onset to stop.
    """

    recall: float
    false_positives: float
    stops_per_minute: float
    p50_ms: float


def overlap_score(overlaps: Sequence[Overlap], threshold: float) -> OverlapScore:
    """Score every overlap as a recording of its own."""
    rates = {outcome: AnchoredRates() for outcome in Outcome}
    noise_s = 0.0
    for overlap in overlaps:
        steps = np.flatnonzero(overlap.p_interruption >= threshold)[:1]
        stops_s = [STEP_MS * float(step + 1) / 1000.0 for step in steps]
        is_event = overlap.outcome is Outcome.INTERRUPTION
        events, negatives = ([0.0], []) if is_event else ([], [Span(0.0, overlap.seconds)])
        rates[overlap.outcome].add(events, negatives, stops_s)
        noise_s += overlap.seconds if overlap.outcome is Outcome.NOISE else 0.0
    found = rates[Outcome.INTERRUPTION]
    latencies_s = found.latencies_s
    return OverlapScore(
        recall=found.recall or 0.0,
        false_positives=rates[Outcome.BACKCHANNEL].false_positive_rate or 0.0,
        stops_per_minute=60.0 * rates[Outcome.NOISE].n_false / noise_s if noise_s else 0.0,
        p50_ms=1000.0 * float(np.median(latencies_s)) if latencies_s else float("nan"),
    )


def overlap_point(
    overlaps: Sequence[Overlap],
    *,
    hold_budget: float = 0.5,
    cut_budget: float = 0.15,
    lost: float = 0.1,
) -> OverlapPoint:
    """Return thresholds that keep their budgets.

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
