"""What a speech model and its worker report: events in the past tense, plain data, picklable.

Knows nothing of processes or devices.
"""

from dataclasses import dataclass, field

from audio_io.frames import EndEvidence, Samples
from model.errors import FailureKind
from model.types import TurnKey, VoicePreset


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far loading is.

    Attributes:
        fraction: share of ``what`` that is done, in [0, 1].
        note: a sentence for a person on how the model is loaded, said once; "" for none.
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
    """The words so far of the open turn; the next one replaces them.

    Attributes:
        audio_end_s: end of the audio it covers, on the microphone's clock.
        evidence: of the turn's end, where the user pauses and the model can tell.
    """

    turn: int
    text: str
    audio_end_s: float
    evidence: EndEvidence | None = None


@dataclass(frozen=True, slots=True)
class TurnTranscribed:
    """The final words of a turn's revision.

    Attributes:
        text: "" when nothing was said; None when the model heard audio without writing it down
            (the words may follow among the events of the reply).
        compute_s: time the recogniser took for the final pass.
        manner: how it was said ("The user sounds sad."), where the model can tell.
        evidence: of the turn's end, likewise.
        is_own_voice: ``text`` is "" because the assistant was only hearing itself; the dialogue,
            which knows what was being said, tells.
    """

    key: TurnKey
    text: str | None
    language: str
    compute_s: float
    manner: str = ""
    evidence: EndEvidence | None = None
    is_own_voice: bool = False


@dataclass(frozen=True, slots=True)
class TurnScored:
    """How a model that hears judges the pause at which it was told that the turn paused.

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
    """A piece of a reply's sound; chunks of a generation follow each other without gaps.

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
    """The model has begun to work on a reply."""

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
    """The model raised while it made a reply; no more chunks will come."""

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
    """What the worker uses, sent now and then: memory in MiB, and seconds spent working."""

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
