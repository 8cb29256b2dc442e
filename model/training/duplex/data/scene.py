"""A conversation of one user and the assistant, and what is going on in every moment of it.

The labels of a made-up scene come from how it was built, never from listening to it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio_io.frames import Samples
from model.duplex.outcomes import NOT_SCORED, OVERLAP, USER_FLOOR
from model.training.duplex.data.utterance import Word

STEP_S = 0.08
"""Time between two vectors; a vector at t has seen the sound up to t."""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds from the scene's start; the end does not belong to it."""

    start_s: float
    end_s: float

    def holds(self, at_s: float) -> bool:
        """Whether ``at_s`` is in the span."""
        return self.start_s <= at_s < self.end_s


@dataclass(frozen=True, slots=True)
class Label:
    """The outcome that is right in a span."""

    span: Span
    outcome: int


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a microphone and a loudspeaker hear and play, with the truth about it.

    Attributes:
        loudspeaker: what it was given, sample by sample with the microphone.
        agent: when the assistant is speaking.
        agent_words: its words by the time they have been heard; empty where nobody knows them.
        labels: a later one replaces earlier ones of its regime, user's floor or overlap; where
            there is none nothing is asked.
        one_turn: whether the transcript goes on through the whole scene.
        recognizer: language of the recogniser that listens: "en", "zh" or "auto".
    """

    kind: str
    language: str
    microphone: Samples
    loudspeaker: Samples
    labels: tuple[Label, ...]
    one_turn: bool
    speakers: tuple[str, ...]
    sources: tuple[str, ...]
    licences: tuple[str, ...]
    agent: tuple[Span, ...] = ()
    agent_words: tuple[Word, ...] = ()
    recognizer: str = "en"

    def is_agent_speaking(self, at_s: float) -> bool:
        """Whether the assistant is speaking at ``at_s``."""
        return any(span.holds(at_s) for span in self.agent)

    def agent_text(self, at_s: float) -> str:
        """Return what has been heard of the reply that is or was last spoken."""
        begun_s = max((s.start_s for s in self.agent if s.start_s <= at_s), default=0.0)
        heard = [w.text for w in self.agent_words if begun_s <= w.start_s and w.end_s <= at_s]
        return ("" if self.language == "zh" else " ").join(heard)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is right at every step: int8 outcomes (t,), bool overlaps (t,)."""

    outcomes: npt.NDArray[np.int8]
    is_overlap: npt.NDArray[np.bool_]


def truth_of(scene: Scene, n_steps: int) -> Truth:
    """Return the last label of every step that can occur while the assistant speaks, or not."""
    outcomes = np.full(n_steps, NOT_SCORED, np.int8)
    is_overlap = np.zeros(n_steps, np.bool_)
    for step in range(n_steps):
        at_s = (step + 1) * STEP_S - 0.01  # the last frame of the vector
        is_overlap[step] = scene.is_agent_speaking(at_s)
        possible = OVERLAP if is_overlap[step] else USER_FLOOR
        for label in scene.labels:
            if label.span.holds(at_s) and label.outcome in (NOT_SCORED, *possible):
                outcomes[step] = label.outcome
    return Truth(outcomes, is_overlap)
