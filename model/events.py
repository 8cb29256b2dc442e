"""What a speech model and its worker report: events in the past tense, plain data, picklable.

Knows nothing of processes or devices.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from audio_io.frames import Samples
from model.errors import FailureKind
from model.types import TurnKey, VoicePreset


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """``fraction`` in [0, 1] of loading ``what`` is done.

    ``note``: a sentence for a person on how the model is loaded, said once; "" for none.
    """

    what: str
    fraction: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelReady:
    """The model can hear and speak."""

    name: str
    sample_rate_hz: int
    voices: tuple[VoicePreset, ...]
    load_s: float


@dataclass(frozen=True, slots=True)
class TranscriptPartial:
    """Words so far of the open turn; replaced by the next one.

    ``audio_end_s`` is the end of the audio it covers, on the microphone's clock.
    """

    turn: int
    text: str
    audio_end_s: float


@dataclass(frozen=True, slots=True)
class TurnTranscribed:
    """Final words of a turn's revision.

    Attributes:
        text: "" when nothing was said; None when the model heard audio without writing it down
            (the words may follow among the events of the reply).
        compute_s: time the recogniser took for the final pass.
        manner: how it was said ("The user sounds sad."), where the model can tell.
    """

    key: TurnKey
    text: str | None
    language: str
    compute_s: float
    manner: str = ""


@dataclass(frozen=True, slots=True)
class TurnScored:
    """What a model that hears thinks of the pause in which it was told that the turn paused.

    Attributes:
        p_end_of_turn: the user has finished.
        at_s: end of the audio it heard, on the microphone's clock.
    """

    key: TurnKey
    p_end_of_turn: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Mark:
    """One word: text[text_start:text_end] sounds in samples [sample_start, sample_end)."""

    text_start: int
    text_end: int
    sample_start: int
    sample_end: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of a reply; the reply's text is the concatenation of its deltas."""

    generation: int
    text: str


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """Sound of a reply; chunks of a generation follow each other without gaps.

    Attributes:
        samples: float32 (n,) mono at ``rate_hz``.
        start: index of the first sample in the reply.
        marks: words in this chunk, ordered; offsets are into the whole reply.
        spans: seconds spent on this chunk by stage, e.g. {"first_clause": 0.6, "synthesis": 0.04}.
    """

    generation: int
    samples: Samples
    start: int
    rate_hz: int
    marks: tuple[Mark, ...]
    spans: dict[str, float] = field(default_factory=dict[str, float])


# A model that answers by ear may write the turn down meanwhile: once, with the reply's own key.
ReplyEvent = TextDelta | SpeechChunk | TurnTranscribed


@dataclass(frozen=True, slots=True)
class GenerationStarted:
    generation: int


@dataclass(frozen=True, slots=True)
class GenerationEnded:
    """All chunks were sent, or no more will come (``was_cancelled``); 0 samples: an empty reply."""

    generation: int
    n_samples: int
    was_cancelled: bool
    compute_s: float


@dataclass(frozen=True, slots=True)
class GenerationFailed:
    generation: int
    message: str


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """A worker died or a thread's body raised. ``name`` says which."""

    name: str
    message: str
    kind: FailureKind = FailureKind.CRASHED


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """Sent now and then by the worker."""

    resident_mb: float
    peak_mb: float
    busy_s: float


ModelEvent = (
    LoadProgress
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
)
