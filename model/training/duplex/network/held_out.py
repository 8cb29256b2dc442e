"""What a trained network is worth on speakers it never heard: temperatures, points, scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.duplex.duplex_network import Array, probabilities
from model.duplex.outcomes import OVERLAP, USER_FLOOR, Outcome
from model.duplex.policy import (
    ENDPOINTING_MODES,
    EndpointingMode,
    EndpointingPoint,
    OverlapPoint,
)
from model.duplex.scoring import OperatingPoint, ScoredClip, Sweep, calibration_error
from model.training.duplex.data.dataset import Clip
from model.training.duplex.network.batches import Bools, importance, is_followed, silence_ms
from model.training.duplex.network.operating_points import (
    Overlap,
    best_within,
    fit_temperature,
    log_probabilities,
    losses,
    overlap_point,
    overlap_score,
    overlaps_of,
    pauses_of,
    timer_latency_ms,
)


@dataclass(frozen=True, slots=True)
class Steps:
    """Scored steps of one regime, all clips together, and the temperature that calibrates them.

    Attributes:
        logits: (n, 3), the outcomes that compete.
        truth: (n,) their rows.
        weights: (n,) as in the loss.
        decides: (n,) a voice or a pause is open: these are calibrated.
    """

    logits: Array
    truth: npt.NDArray[np.int64]
    weights: Array
    decides: Bools
    temperature: float

    def error(self, row: int, temperature: float) -> float:
        """Return the calibration error of the outcome in ``row``."""
        p = np.exp(log_probabilities(self.logits[self.decides], temperature))[:, row]
        return calibration_error(p, self.truth[self.decides] == row) or 0.0

    @property
    def loss(self) -> float:
        """The weighted sum in nats."""
        return float((self.weights * losses(self.logits, self.truth, self.temperature)).sum())


def steps_of(clips: Sequence[Clip], logits: Mapping[str, Array], *, is_overlap: bool) -> Steps:
    """Return all scored steps of one regime; ``logits``: clip id -> (t, 5)."""
    rows = list(OVERLAP if is_overlap else USER_FLOOR)
    parts: list[tuple[Array, Array, Array, Bools]] = []
    for clip in clips:
        chosen = (clip.is_overlap == is_overlap) & np.isin(clip.outcomes, rows)
        opened = is_followed(clip.features) if is_overlap else silence_ms(clip.features) > 0.0
        weights = importance(clip.features, clip.is_overlap)
        truth = np.searchsorted(rows, clip.outcomes[chosen])
        parts.append((logits[clip.id][chosen][:, rows], truth, weights[chosen], opened[chosen]))
    found, truth, weights, decides = (np.concatenate(column) for column in zip(*parts, strict=True))
    temperature = fit_temperature(found[decides], truth[decides])
    return Steps(found, truth, weights, decides, temperature)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """All that is measured.

    Attributes:
        loss: weighted mean over both regimes at the fitted temperatures; decides which weights
            are better.
        ends: the best operating point for each endpointing mode.
        timer_ms: the latency of a silence timer within the same budgets.
        scores: numbers for people, by name.
    """

    floor_temperature: float
    overlap_temperature: float
    loss: float
    ends: Mapping[str, OperatingPoint]
    timer_ms: Mapping[str, float]
    overlap: OverlapPoint
    scores: Mapping[str, float]

    def endpointing(self) -> dict[str, EndpointingPoint]:
        """Return the operating points as the card holds them."""
        return {
            name: EndpointingPoint(
                point.threshold or 0.0, 1000.0 * point.delay_s, 1000.0 * point.timeout_s
            )
            for name, point in self.ends.items()
        }


def held_out(clips: Sequence[Clip], logits: Mapping[str, Array]) -> HeldOut:
    """Measure the network that gave ``logits``: clip id -> (t, 5)."""
    floor = steps_of(clips, logits, is_overlap=False)
    overlap = steps_of(clips, logits, is_overlap=True)
    weight = float(floor.weights.sum() + overlap.weights.sum())
    loss = (floor.loss + overlap.loss) / max(weight, 1e-9)
    pauses, overlaps = _events(clips, logits, (floor.temperature, overlap.temperature))
    points = Sweep(pauses).points()
    ends = {
        name: best_within([point for point in points if _suits(mode, point)], mode.most_cut)
        or _UNKNOWN_ENDS[name]
        for name, mode in ENDPOINTING_MODES.items()
    }
    budgets = {name: mode.most_cut for name, mode in ENDPOINTING_MODES.items()}
    timers = {name: timer_latency_ms(pauses, budget) for name, budget in budgets.items()}
    point = overlap_point(overlaps)
    end, interruption = USER_FLOOR.index(Outcome.END_OF_TURN), OVERLAP.index(Outcome.INTERRUPTION)
    scores = {
        "loss": loss,
        "end_ece_raw": floor.error(end, 1.0),
        "end_ece": floor.error(end, floor.temperature),
        "interruption_ece_raw": overlap.error(interruption, 1.0),
        "interruption_ece": overlap.error(interruption, overlap.temperature),
        **_of_ends(pauses, ends),
        **_of_overlaps(overlaps, point),
    }
    return HeldOut(
        floor.temperature,
        overlap.temperature,
        loss,
        ends,
        {mode: ms for mode, ms in timers.items() if ms is not None},
        point,
        {name: round(value, 4) for name, value in scores.items() if np.isfinite(value)},
    )


def _suits(mode: EndpointingMode, point: OperatingPoint) -> bool:
    """Return whether ``point`` waits as long as ``mode`` promises, however good the network is."""
    shortest_ms, longest_ms = 1000.0 * point.delay_s, 1000.0 * point.timeout_s
    return shortest_ms >= mode.shortest_ms and longest_ms >= mode.longest_ms


def _events(
    clips: Iterable[Clip], logits: Mapping[str, Array], temperatures: tuple[float, float]
) -> tuple[list[ScoredClip], list[Overlap]]:
    """Return pauses and overlaps of all clips with the probabilities of every step."""
    pauses: list[ScoredClip] = []
    overlaps: list[Overlap] = []
    for clip in clips:
        rows = zip(logits[clip.id], clip.is_overlap, strict=True)
        p = np.array(
            [probabilities(row, temperatures[int(o)], is_overlap=bool(o)) for row, o in rows]
        ).reshape(-1, len(Outcome))
        pauses += pauses_of(clip, p)
        overlaps += overlaps_of(clip, p)
    return pauses, overlaps


def _of_ends(pauses: Sequence[ScoredClip], ends: Mapping[str, OperatingPoint]) -> dict[str, float]:
    n_ends = sum(pause.truth.end_s is not None for pause in pauses)
    scores = {"holds": float(len(pauses) - n_ends), "ends": float(n_ends)}
    for mode, point in ends.items():
        scores[f"{mode}_latency_ms"] = 1000.0 * point.mean_latency_s
        scores[f"{mode}_false_cut_offs"] = point.cut_rate
    return scores


def _of_overlaps(overlaps: Sequence[Overlap], point: OverlapPoint) -> dict[str, float]:
    held, cut = (overlap_score(overlaps, p) for p in (point.hold_p, point.cut_p))
    return {
        "interruptions": float(sum(o.outcome is Outcome.INTERRUPTION for o in overlaps)),
        "backchannels": float(sum(o.outcome is Outcome.BACKCHANNEL for o in overlaps)),
        "hold_recall": held.recall,
        "hold_p50_ms": held.p50_ms,
        "holds_per_noise_minute": held.stops_per_minute,
        "cut_recall": cut.recall,
        "cut_p50_ms": cut.p50_ms,
        "cuts_per_noise_minute": cut.stops_per_minute,
        "backchannels_cut": cut.false_positives,
    }


_UNKNOWN_ENDS = {
    "eager": OperatingPoint(0.5, 0.2, 1.6, 0.0, 1.6, 1.6),
    "balanced": OperatingPoint(0.6, 0.32, 2.0, 0.0, 2.0, 2.0),
    "patient": OperatingPoint(0.75, 0.48, 3.0, 0.0, 3.0, 3.0),
}
"""Where no pause was labelled: cautious thresholds, and the latencies of their timeouts."""


def table(found: HeldOut) -> list[str]:
    """Return the lines of a table for people."""
    rows = [
        "end of turn       p >=   after ms   latest ms   latency ms   cut-offs %   timer ms",
    ]
    for mode, point in found.ends.items():
        waits = found.endpointing()[mode]
        timer = f"{found.timer_ms[mode]:8.0f}" if mode in found.timer_ms else "    none"
        rows.append(
            f"  {mode:<12} {waits.end_p:8.3f} {waits.shortest_ms:10.0f} {waits.longest_ms:11.0f} "
            f"{1000.0 * point.mean_latency_s:12.0f} {100.0 * point.cut_rate:12.1f}   {timer}"
        )
    overlap = found.overlap
    rows.append(
        f"overlap: hold at {overlap.hold_p:.3f}, cut at {overlap.cut_p:.3f}, "
        f"resume at {overlap.resume_p:.3f}; temperatures {found.floor_temperature:.2f} (floor), "
        f"{found.overlap_temperature:.2f} (overlap)"
    )
    return [*rows, *(f"  {name:<24} {value:10.4f}" for name, value in found.scores.items())]
