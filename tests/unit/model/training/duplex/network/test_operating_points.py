from __future__ import annotations

import numpy as np
import pytest

from model.duplex.frame_features import N_FEATURES, feature_slices
from model.duplex.outcomes import NOT_SCORED, Outcome
from model.duplex.policy import SHORT_MS
from model.duplex.scoring import Hold, Score, ScoredClip, Silence, Sweep, TurnTruth
from model.training.duplex.data.dataset import Clip
from model.training.duplex.data.utterance import runs
from model.training.duplex.network.batches import ages, episodes_of, importance, silence_ms
from model.training.duplex.network.operating_points import (
    STEP_MS,
    Overlap,
    best_within,
    fit_temperature,
    overlap_point,
    overlap_score,
    overlaps_of,
    pauses_of,
    timer_latency_ms,
)

SLICES = feature_slices()
SILENCE = SLICES["turn"].start + 5


def pause(n_steps: int, p_end: float, *, is_end: bool) -> ScoredClip:
    steps_s = [STEP_MS * n / 1000.0 for n in range(1, n_steps + 1)]
    scores = tuple(Score(at_s, p_end) for at_s in steps_s)
    if is_end:
        return ScoredClip(
            TurnTruth("en", (), 0.0, 0.0, steps_s[-1]), (Silence(0.0, np.inf, 0.0),), scores
        )
    hold = Hold(0.0, steps_s[-1] + 0.01)
    truth = TurnTruth("en", (hold,), None, np.inf, hold.end_s)
    return ScoredClip(truth, (Silence(0.0, hold.seconds, 0.0),), scores)


def overlap(outcome: Outcome, *p: float) -> Overlap:
    return Overlap(outcome, np.array(p, np.float32))


def clip_of(silences_s: list[float], outcomes: list[int], *, is_overlap: bool = False) -> Clip:
    features = np.zeros((len(silences_s), N_FEATURES), np.float16)
    features[:, SLICES["turn"].start] = 1.0
    features[:, SILENCE] = silences_s
    return Clip(
        id="clip",
        split="val",
        kind="toy",
        language="en",
        source="made",
        features=features,
        outcomes=np.array(outcomes, np.int8),
        is_overlap=np.full(len(outcomes), is_overlap),
    )


def test_a_network_that_knows_answers_at_the_shortest_delay() -> None:
    pauses = [pause(12, 0.1, is_end=False), pause(40, 0.9, is_end=True)]
    best = best_within(Sweep(pauses).points(), 0.05)
    assert best is not None
    assert best.cut_rate == 0.0
    assert best.mean_latency_s == pytest.approx(0.2)
    assert best.threshold == pytest.approx(0.89), "the most careful of those as quick"


def test_a_network_that_knows_nothing_is_a_silence_timer() -> None:
    pauses = [pause(n, 0.5, is_end=False) for n in (5, 10, 15, 20)]
    pauses += [pause(40, 0.5, is_end=True)] * 4
    best = best_within(Sweep(pauses).points(), 0.0)
    assert best is not None
    assert best.mean_latency_s == 2.0  # the first timeout above the longest hold of 1.6 s
    assert timer_latency_ms(pauses, 0.0) == pytest.approx(2000.0)


def test_a_wrong_certainty_costs_a_cut_off() -> None:
    pauses = [pause(12, 0.95, is_end=False), pause(12, 0.1, is_end=False)]
    pauses += [pause(40, 0.9, is_end=True)]
    points = Sweep(pauses).points()
    quick = [p for p in points if 0.2 < (p.threshold or 0.0) < 0.9 and p.delay_s == 0.2]
    assert {point.cut_rate for point in quick} == {0.5}
    best = best_within(points, 0.1)
    assert best is not None
    assert best.mean_latency_s == 1.0  # later than both holds


def test_without_ends_there_is_nothing_to_sweep() -> None:
    assert Sweep([pause(5, 0.5, is_end=False)]).points() == []
    assert best_within([], 0.05) is None


def test_pauses_of_a_clip_are_holds_and_ends() -> None:
    quiet = [0.0, 0.08, 0.16, 0.24, 0.0, 0.08, 0.0, 0.08, 0.16]
    outcomes = [0, 0, 0, 0, 0, 0, 0, 1, 1]
    p = np.tile(np.array([0.4, 0.6, 0, 0, 0], np.float32), (9, 1))
    found = list(pauses_of(clip_of(quiet, outcomes), p))
    # 80 ms are fluent speech
    assert [pause.truth.end_s for pause in found] == [None, 0.0]
    assert found[0].silences[0].seconds == pytest.approx(0.25, abs=1e-3)
    assert [score.at_s for score in found[0].scores] == pytest.approx([0.08, 0.16, 0.24], abs=1e-3)
    assert [score.p for score in found[0].scores] == pytest.approx([0.6] * 3)


def test_a_turn_that_was_given_up_is_neither_hold_nor_end() -> None:
    quiet = [0.0, 0.08, 0.16, 0.24, 0.32]
    p = np.zeros((5, 5), np.float32)
    assert list(pauses_of(clip_of(quiet, [0] * 5), p)) == []


def test_the_predictor_forgets_where_a_reply_begins_or_ends_in_silence() -> None:
    clip = clip_of([0.0] * 8, [0] * 8)
    clip.is_overlap[:] = [False, False, True, True, False, False, True, False]
    clip.features[:, SLICES["turn"].start] = [1, 1, 0, 0, 0, 0, 0, 1]
    pieces = episodes_of(clip)
    assert [piece.n_steps for piece in pieces] == [2, 2, 2, 2]
    assert [bool(piece.is_overlap[0]) for piece in pieces] == [False, True, False, True]
    clip.outcomes[:2] = NOT_SCORED
    assert [piece.n_steps for piece in episodes_of(clip)] == [2, 2, 2]


def test_p_interruption_counts_only_while_a_voice_is_followed() -> None:
    clip = clip_of([0.0] * 4, [Outcome.INTERRUPTION] * 4, is_overlap=True)
    clip.features[2:, SLICES["overlap"].start] = 1.0
    p = np.tile(np.array([0, 0, 0.9, 0.1, 0], np.float32), (4, 1))
    (found,) = overlaps_of(clip, p)
    assert found.p_interruption.tolist() == pytest.approx([0.0, 0.0, 0.9, 0.9])


def test_overlaps_are_scored_by_event() -> None:
    overlaps = [
        overlap(Outcome.INTERRUPTION, 0.2, 0.6, 0.9),
        overlap(Outcome.INTERRUPTION, 0.1, 0.2, 0.3),
        overlap(Outcome.BACKCHANNEL, 0.2, 0.7, 0.2),
        overlap(Outcome.BACKCHANNEL, 0.2, 0.2, 0.2),
        overlap(Outcome.NOISE, *([0.0] * 74), 0.8),
    ]
    score = overlap_score(overlaps, 0.5)
    assert score.recall == 0.5
    assert score.false_positives == 0.5
    assert score.p50_ms == 2 * STEP_MS
    assert score.stops_per_minute == pytest.approx(10.0)


def test_thresholds_keep_their_budgets_of_backchannels() -> None:
    rng = np.random.default_rng(0)
    overlaps = [overlap(Outcome.BACKCHANNEL, *rng.uniform(0.0, 0.6, 9)) for _ in range(60)]
    overlaps += [overlap(Outcome.INTERRUPTION, *[0.7] * 6, 0.95, 0.99) for _ in range(60)]
    n_short = int(SHORT_MS / STEP_MS)
    told = [Overlap(o.outcome, o.p_interruption[n_short:]) for o in overlaps]
    point = overlap_point(overlaps)
    assert overlap_score(overlaps, point.hold_p).false_positives <= 0.5
    assert overlap_score(told, point.cut_p).false_positives <= 0.15, "of voices that are not short"
    assert overlap_score(told, point.cut_p).recall == 1.0
    assert 1.0 - point.hold_p <= point.resume_p


def test_temperature_makes_overconfident_logits_honest() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0.0, 1.0, (4000, 3)).astype(np.float32)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row / row.sum()) for row in p.astype(np.float64)])
    assert fit_temperature(4.0 * logits, truth) == pytest.approx(4.0, rel=0.15)
    assert fit_temperature(logits[:0], truth[:0]) == 1.0


def test_early_moments_of_a_pause_weigh_most() -> None:
    clip = clip_of([0.0, 0.08, 0.4, 2.0], [0, 1, 1, 1])
    weights = importance(clip.features, clip.is_overlap)
    assert weights[2] > weights[1] > weights[0]
    assert weights[2] > weights[3]


def test_the_weight_of_a_moment_does_not_depend_on_its_outcome() -> None:
    quiet = [0.0, 0.08, 0.4, 2.0]
    one, other = clip_of(quiet, [0, 0, 0, 0]), clip_of(quiet, [1, 1, NOT_SCORED, 4])
    first = importance(one.features, one.is_overlap)
    assert np.array_equal(first, importance(other.features, other.is_overlap))


def test_silence_is_read_from_the_turn() -> None:
    clip = clip_of([0.0, 0.5], [0, 1])
    assert silence_ms(clip.features).tolist() == [0.0, 500.0]


def test_runs_and_ages() -> None:
    flags = np.array([True, True, False, True, False, False, True])
    assert runs(flags) == [slice(0, 2), slice(3, 4), slice(6, 7)]
    assert ages(flags).tolist() == [1, 2, 0, 1, 0, 0, 1]
    assert runs(flags[:0]) == []
