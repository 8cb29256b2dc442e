"""Everything the dialogue may hear of, in the past tense, as one closed union.

Audio and model events keep their own modules; those of the user's hands and of the clock live here.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from audio_io.events import (
    DeviceLost,
    DeviceReturned,
    PlaybackEnded,
    PlaybackProgressed,
    PlaybackStarted,
    SpeechEnded,
    SpeechStarted,
)
from model.events import (
    GenerationEnded,
    GenerationFailed,
    GenerationStarted,
    LoadProgress,
    ModelEvent,
    ModelReady,
    SpeechChunk,
    TextDelta,
    TranscriptPartial,
    TurnScored,
    TurnTranscribed,
    WorkerFailed,
    WorkerStats,
)
from model.types import DuplexPrediction


class DeadlineKind(StrEnum):
    """What a timer was armed for."""

    ENDPOINT = "endpoint"  # the user has been quiet long enough whatever the predictor says
    OVERLAP = "overlap"  # a barge-in must be decided
    YIELD = "yield"  # the fade must be over, else the device is stuck


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """A timer fired; ``token`` tells it from one that was disarmed meanwhile."""

    kind: DeadlineKind
    token: int


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The user pressed the stop button or Esc."""


@dataclass(frozen=True, slots=True)
class TalkPressed:
    """The push-to-talk key went down."""


@dataclass(frozen=True, slots=True)
class TalkReleased:
    """The push-to-talk key came up."""


@dataclass(frozen=True, slots=True)
class ModeChosen:
    """The user chose hands-free (True) or push-to-talk (False)."""

    is_hands_free: bool


@dataclass(frozen=True, slots=True)
class MicrophoneSwitched:
    """The user opened or closed the microphone."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class TextSubmitted:
    """The user typed something instead of saying it."""

    text: str


@dataclass(frozen=True, slots=True)
class EchoConvergenceChanged:
    """The echo canceller has converged, or has lost the echo again."""

    has_converged: bool


@dataclass(frozen=True, slots=True)
class ModelLeft:
    """Another model takes over, and ``ModelReady`` follows; ``reason`` "": the user chose it."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConversationOpened:
    """The user opened another conversation: what was said or planned in the old one is over."""


DialogueEvent = (
    SpeechStarted
    | SpeechEnded
    | DuplexPrediction
    | PlaybackStarted
    | PlaybackProgressed
    | PlaybackEnded
    | DeviceLost
    | DeviceReturned
    | LoadProgress
    | ModelReady
    | TranscriptPartial
    | TurnTranscribed
    | TurnScored
    | TextDelta
    | SpeechChunk
    | GenerationStarted
    | GenerationEnded
    | GenerationFailed
    | WorkerFailed
    | WorkerStats
    | DeadlineReached
    | StopRequested
    | TalkPressed
    | TalkReleased
    | ModeChosen
    | MicrophoneSwitched
    | TextSubmitted
    | EchoConvergenceChanged
    | ConversationOpened
    | ModelLeft
)


def named(event: ModelEvent) -> ModelEvent:
    """Name the failure of any model "model", whatever the worker calls itself."""
    return replace(event, name="model") if isinstance(event, WorkerFailed) else event
