"""A user on a script for duplex predictors: frames with given voice, level and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from audio_io.frames import AudioFrame, Samples, frozen, level_dbfs
from model.interfaces import AgentState, DuplexPrediction, DuplexPredictor, UserState

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


class FakeUtteranceReader:
    """Says ``logit`` of every text and remembers what it read."""

    def __init__(self, logit: float | None) -> None:
        self._logit = logit
        self.read: list[str] = []
        self.last_inference_s = 0.02

    def logit(self, text: str) -> float | None:
        self.read.append(text)
        return self._logit


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


def voice(ms: int, text: str = "", dbfs: float = -28.0) -> Stretch:
    return Stretch(ms, 0.95, dbfs, text)


def quiet(ms: int, text: str = "") -> Stretch:
    return Stretch(ms, 0.02, QUIET_DBFS, text)


def over_reply(stretch: Stretch, far_dbfs: float = -22.0) -> Stretch:
    """The same while the assistant speaks."""
    return replace(stretch, is_agent_speaking=True, far_dbfs=far_dbfs)


def play(stretches: Sequence[Stretch]) -> Iterator[tuple[UserState, AgentState]]:
    """10 ms at a time; words cover all audio up to the frame they come with."""
    rng = np.random.default_rng(7)
    start = 0
    for stretch in stretches:
        for _ in range(stretch.ms // 10):
            noise = rng.standard_normal(FRAME).astype(np.float32)
            noise *= np.float32(10.0 ** (stretch.dbfs / 20.0)) / np.sqrt(np.mean(noise**2))
            frame = AudioFrame(frozen(noise), start)
            start += FRAME
            user = UserState(
                frame=frame,
                p_speech=stretch.p_speech,
                is_speech=stretch.p_speech >= 0.5,
                clean_dbfs=level_dbfs(frame.samples),
                partial_text=stretch.text,
                partial_at_s=frame.end_s if stretch.text else 0.0,
                aec_has_converged=stretch.has_converged,
            )
            yield user, AgentState(stretch.is_agent_speaking, stretch.far_dbfs)


def predictions(predictor: DuplexPredictor, stretches: Sequence[Stretch]) -> list[DuplexPrediction]:
    """Everything ``predictor`` says about the script."""
    said = (predictor.step(user, agent) for user, agent in play(stretches))
    return [prediction for prediction in said if prediction is not None]
