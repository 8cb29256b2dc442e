"""A user on a script for duplex predictors: frames with given voice, level and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from audio_io.frames import (
    ENGINE_RATE_HZ,
    AudioFrame,
    Samples,
    Spotted,
    UserFrame,
    frozen,
    level_dbfs,
)
from model.duplex.duplex_network import Array, NetworkState
from model.duplex.frame_features import FEATURES, feature_slices, table_hash
from model.duplex.outcomes import N_OUTCOMES, Outcome
from model.duplex.policy import EndpointingPoint, OverlapPoint
from model.duplex.predictor_card import NetworkShape, PredictorCard
from model.interfaces import DuplexPredictor
from model.types import AgentState, DuplexPrediction

FRAME = 160  # samples, 10 ms
QUIET_DBFS = -75.0


class FakeTurnClassifier:
    """Says ``p`` of every pause and remembers how much audio it was shown."""

    def __init__(self, p: float) -> None:
        self.p = p
        self.heard: list[int] = []
        self.last_inference_s = 0.06

    def p_complete(self, samples: Samples) -> float:
        self.heard.append(len(samples))
        return self.p


class FakeUtteranceScorer:
    """Says ``logit`` of every text and remembers what it read."""

    def __init__(self, logit: float | None) -> None:
        self._logit = logit
        self.read: list[str] = []
        self.last_inference_s = 0.02

    def logit(self, text: str) -> float | None:
        self.read.append(text)
        return self._logit

    def state(self, text: str) -> None:
        del text


CARD = PredictorCard(
    features_hash=table_hash(),
    shape=NetworkShape(FEATURES, ("mel", "far_mel")),
    floor_temperature=1.0,
    overlap_temperature=1.0,
    endpointing={
        "eager": EndpointingPoint(end_p=0.4, shortest_ms=240.0, longest_ms=1400.0),
        "balanced": EndpointingPoint(end_p=0.6, shortest_ms=320.0, longest_ms=2000.0),
        "patient": EndpointingPoint(end_p=0.8, shortest_ms=700.0, longest_ms=2800.0),
    },
    overlap=OverlapPoint(hold_p=0.5, cut_p=0.8, resume_p=0.6),
)
"""Points of a network that was never trained."""


class RuleNetwork:
    """Reads words and sound at the end of a turn, and how long a voice over the reply has lasted.

    Sums what was voiced over the reply in its state, as a recurrent network may.
    """

    def __init__(self) -> None:
        self._at = feature_slices()
        self.n_forgotten = 0

    def initial_state(self) -> NetworkState:
        self.n_forgotten += 1
        return NetworkState(np.zeros(1, np.float32))

    def step(self, features: Array, state: NetworkState) -> tuple[Array, NetworkState]:
        group = {name: features[at] for name, at in self._at.items()}
        logits = np.zeros(N_OUTCOMES, np.float32)
        sound = group["smart_turn"][0::2]
        n_asked = max(1.0, float(group["smart_turn"][1::2].sum()))
        finished = (
            1.5 * float(sound.sum()) / n_asked
            + 1.5 * float(group["text_head"][0])
            + 3.0 * float(group["grammar"][0])
        )
        logits[Outcome.END_OF_TURN] = finished
        logits[Outcome.HOLD] = -finished
        logits[Outcome.NOISE] = -4.0
        is_open, _, voiced = (float(value) for value in group["overlap"][:3])
        is_quiet = float(group["overlap"][4]) > 0.25  # about 110 ms
        is_word = bool(group["overlap_words"][0])
        if not agent_speaks(features):
            is_open = 0.0
        logits[Outcome.INTERRUPTION] = (
            8.0 * (voiced - 0.4) if is_open and not is_quiet and not is_word else -3.0
        )
        logits[Outcome.BACKCHANNEL] = 2.0 if is_word or (is_quiet and voiced > 0.25) else -1.0
        return logits, NetworkState(state.hidden + np.float32(is_open))


def agent_speaks(features: Array) -> bool:
    return bool(features[feature_slices()["agent"]][0])


@dataclass(frozen=True, slots=True)
class Stretch:
    """``ms`` of the same voice, level, words and state of the assistant."""

    ms: int
    p_speech: float = 0.0
    dbfs: float = QUIET_DBFS
    text: str = ""
    is_agent_speaking: bool = False
    far_dbfs: float = -120.0
    has_converged: bool = True
    spotted: Spotted | None = None


def voice(ms: int, text: str = "", dbfs: float = -28.0) -> Stretch:
    return Stretch(ms, 0.95, dbfs, text)


def quiet(ms: int, text: str = "") -> Stretch:
    return Stretch(ms, 0.02, QUIET_DBFS, text)


def over_reply(stretch: Stretch, far_dbfs: float = -22.0) -> Stretch:
    """The same while the assistant speaks."""
    return replace(stretch, is_agent_speaking=True, far_dbfs=far_dbfs)


def spotted(stretch: Stretch, **p: float) -> Stretch:
    """The same with what a spotter hears in it; the rest of 1 is nothing."""
    return replace(stretch, spotted=Spotted(p_nothing=1.0 - sum(p.values()), **p))


def _step_end_s(frame: AudioFrame) -> float:
    """A spotter decides every 40 ms."""
    return frame.end // (4 * FRAME) * 4 * FRAME / ENGINE_RATE_HZ


def play(stretches: Sequence[Stretch]) -> Iterator[tuple[UserFrame, AgentState]]:
    """10 ms at a time; words cover all audio up to the frame they come with."""
    rng = np.random.default_rng(7)
    start = 0
    for stretch in stretches:
        for _ in range(stretch.ms // 10):
            noise = rng.standard_normal(FRAME).astype(np.float32)
            noise *= np.float32(10.0 ** (stretch.dbfs / 20.0)) / np.sqrt(np.mean(noise**2))
            frame = AudioFrame(frozen(noise), start)
            start += FRAME
            user = UserFrame(
                clean=frame,
                p_speech=stretch.p_speech,
                is_speech=stretch.p_speech >= 0.5,
                clean_dbfs=level_dbfs(frame.samples),
                partial_text=stretch.text,
                partial_at_s=frame.end_s if stretch.text else 0.0,
                far_dbfs=stretch.far_dbfs,
                aec_has_converged=stretch.has_converged,
                spotted=stretch.spotted and replace(stretch.spotted, at_s=_step_end_s(frame)),
            )
            yield user, AgentState(stretch.is_agent_speaking)


def predictions(predictor: DuplexPredictor, stretches: Sequence[Stretch]) -> list[DuplexPrediction]:
    """Everything ``predictor`` says about the script."""
    said = (predictor.step(user, agent) for user, agent in play(stretches))
    return [prediction for prediction in said if prediction is not None]
