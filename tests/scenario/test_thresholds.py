"""Every threshold that can be set, over its whole range, with the trained predictor and real ears.

A more patient value cuts fewer pauses, waits longer and stops more seldom; no step of it is void.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from app.cli.bench import detector_factories
from app.evaluation.turn_taking.predictor_run import CachedTurnClassifier, CachedUtteranceScorer
from app.main import make_factories
from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.offline import Listener, Listening
from model.duplex.policy import CUT_P, ENDPOINTING_MODES, HOLD_P, RESUME_P, Thresholds
from model.duplex.predictor import PredictorSettings, TrainedDuplexPredictor
from model.duplex.predictor_factory import PredictorFactory
from model.store.packages import WeightStore
from model.types import AgentState

pytestmark = pytest.mark.needs_weights("silero-vad", "smart-turn", "smollm2-135m")

RANGE = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
COARSE = (0.05, 0.3, 0.5, 0.7, 0.9, 0.99)
NEVER = math.inf

TURNS: tuple[tuple[str | float, ...], ...] = (
    ("I would like to go to the", 1.2, "mountains with all of my friends."),
    ("I was thinking", 0.8, "that we could eat at home."),
    ("What is the capital of France?",),
    ("Tell me about the",),
    ("Set a timer for ten minutes", 0.7, "and play some music."),
)
VOICES = (
    "No, tell me about the mountains instead.", "Why is that?", "Yeah.", "Okay, I see.", "Firefox",
    "Hmm.", "Yeah, yeah, sure, of course.", "Oh.", "Mm-hm.",
)  # fmt: skip


@dataclass(frozen=True)
class Stop:
    """What a voice did to the reply, in seconds; ``NEVER`` where it did not."""

    held_s: float
    cut_s: float
    resumed_s: float


@dataclass(frozen=True)
class Ears:
    """What was heard once, and predictors whose slow detectors answer once."""

    turns: tuple[Listening, ...]
    overlaps: tuple[Listening, ...]
    make: Callable[[PredictorSettings], TrainedDuplexPredictor]


def recorded(parts: list[Samples]) -> Samples:
    samples = np.concatenate(parts)
    room = 1e-4 * np.random.default_rng(1).standard_normal(len(samples))
    return (samples + room).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * ENGINE_RATE_HZ), np.float32)


@pytest.fixture(scope="module")
def ears(embedded_default: WeightStore) -> Ears:
    detectors, factories = detector_factories(), make_factories(embedded_default)
    listener = Listener(detectors.detector, None, detectors.recognizer, pass_s=0.1)

    def heard(*parts: str | float) -> Listening:
        sounds = [
            silence(part) if isinstance(part, float) else factories.synthesize(part, "")
            for part in parts
        ]
        return listener.hear(recorded(sounds))

    turns = tuple(heard(0.5, *parts, 4.0) for parts in TURNS)
    overlaps = tuple(heard(1.0, text, 1.5) for text in VOICES)
    soft = 0.2 * factories.synthesize("Yes, that is right.", "")
    overlaps += (listener.hear(recorded([silence(1.0), soft, silence(1.5)])),)
    factory = PredictorFactory(embedded_default.folder)
    network, words = factory.classifier(), factory.scorer()
    assert network is not None
    assert words is not None
    sounds, scorer = CachedTurnClassifier(network), CachedUtteranceScorer(words)

    def make(settings: PredictorSettings) -> TrainedDuplexPredictor:
        return factory.predictor(settings, classifier=sounds, scorer=scorer)

    return Ears(turns, overlaps, make)


def decisions(ears: Ears, turn: Listening, mode: str, end_p: float) -> list[float]:
    """Seconds at which the turn was taken; the next voice opens another."""
    predictor = ears.make(PredictorSettings(mode, Thresholds(end_p=end_p)))
    taken: list[float] = []
    for heard in turn.frames:
        prediction = predictor.step(heard.user, AgentState())
        if prediction is not None and prediction.p_end_of_turn >= end_p:
            taken.append(heard.user.clean.end_s)
            predictor.reset()
    return taken


def stopped(ears: Ears, overlap: Listening, at: Thresholds) -> Stop:
    """What the dialogue does by these thresholds, until the reply is cut."""
    predictor = ears.make(PredictorSettings(thresholds=at))
    held_s = resumed_s = NEVER
    for heard in overlap.frames:
        prediction = predictor.step(heard.user, AgentState(is_speaking=True))
        if prediction is None:
            continue
        now_s = heard.user.clean.end_s
        is_harmless = max(prediction.p_backchannel, prediction.p_noise) >= at.resume_p
        if prediction.p_interruption >= at.cut_p:
            return Stop(min(held_s, now_s), now_s, resumed_s)
        if is_harmless:
            resumed_s = min(resumed_s, now_s)
        elif prediction.p_interruption >= at.hold_p:
            held_s = min(held_s, now_s)
    return Stop(held_s, NEVER, resumed_s)


def total(seconds: list[float]) -> tuple[int, float]:
    """How many never came, and the sum of the others: what is later or more seldom is more."""
    return sum(s == NEVER for s in seconds), sum(s for s in seconds if s != NEVER)


def rises(columns: list[list[float]]) -> bool:
    """Whether nothing comes sooner from one column to the next, and something always later."""
    later = all(
        all(a <= b for a, b in zip(low, high, strict=True)) for low, high in pairwise(columns)
    )
    return later and all(low != high for low, high in pairwise(columns))


@pytest.mark.parametrize("mode", ENDPOINTING_MODES)
def test_end_of_turn_at_cuts_fewer_pauses_and_waits_longer_the_higher_it_is(
    ears: Ears, mode: str
) -> None:
    columns: list[list[float]] = []
    cuts: list[int] = []
    for end_p in RANGE:
        taken = [decisions(ears, turn, mode, end_p) for turn in ears.turns]
        columns.append([seconds[0] for seconds in taken])
        cuts.append(sum(len(seconds) - 1 for seconds in taken))
    assert rises(columns)
    assert cuts == sorted(cuts, reverse=True)
    assert cuts[0] > cuts[-1]


@pytest.mark.parametrize("end_p", RANGE)
def test_the_endpointing_mode_matters_wherever_end_of_turn_at_stands(
    ears: Ears, end_p: float
) -> None:
    columns = [
        [decisions(ears, turn, mode, end_p)[0] for turn in ears.turns] for mode in ENDPOINTING_MODES
    ]
    assert rises(columns)


def test_stop_at_stops_later_and_more_seldom_the_higher_it_is(ears: Ears) -> None:
    columns = [
        [stopped(ears, overlap, Thresholds(cut_p=cut_p)).cut_s for overlap in ears.overlaps]
        for cut_p in RANGE
    ]
    assert rises(columns)
    assert all(column[0] != NEVER for column in columns), "a sentence stops it anywhere"


def test_pause_at_pauses_later_and_more_seldom_the_higher_it_is(ears: Ears) -> None:
    """Below 0.5 it pauses for every voice as soon as there is one; it ends at "Stop at"."""

    def column(hold_p: float) -> list[float]:
        at = Thresholds(hold_p=hold_p)
        return [stopped(ears, overlap, at).held_s for overlap in ears.overlaps]

    assert rises([column(hold_p) for hold_p in (HOLD_P, 0.6, 0.7, CUT_P)])
    assert column(0.05) <= column(0.3) <= column(HOLD_P)
    assert column(0.99) == column(CUT_P)


def test_go_on_at_goes_on_later_and_more_seldom_the_higher_it_is(ears: Ears) -> None:
    def column(resume_p: float) -> list[float]:
        at = Thresholds(resume_p=resume_p)
        return [stopped(ears, overlap, at).resumed_s for overlap in ears.overlaps]

    assert rises([column(resume_p) for resume_p in COARSE])
    finer = [total(column(resume_p)) for resume_p in RANGE]
    assert finer == sorted(finer)
    assert NEVER not in (column(RESUME_P)[2], column(0.99)[2]), "quiet lets it go on anywhere"
