"""Records that cross the model's door."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class CancelReason(StrEnum):
    """Why a generation ended before its end."""

    BARGE_IN = "barge_in"
    USER_STOP = "user_stop"
    USER_RESUMED = "user_resumed"
    STALE = "stale"
    DEVICE_LOST = "device_lost"
    SHUTDOWN = "shutdown"


class CancelToken:
    """Set once, with a reason; checked by a model at every step."""

    def __init__(self) -> None:
        self._reason: CancelReason | None = None

    def cancel(self, reason: CancelReason) -> None:
        """Ask for the end; the first reason stays."""
        if self._reason is None:
            self._reason = reason

    @property
    def reason(self) -> CancelReason | None:
        """Return why the work should end; None while it should go on."""
        return self._reason

    @property
    def is_cancelled(self) -> bool:
        """Return whether the work should end."""
        return self._reason is not None


@dataclass(frozen=True, slots=True, order=True)
class TurnKey:
    """A user turn and how often it was reopened. Work for an older revision is stale."""

    turn: int
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """One line of the conversation as the model sees it. ``role`` is "user" or "assistant"."""

    role: str
    text: str
    was_cut: bool = False


@dataclass(frozen=True, slots=True)
class VoiceChoice:
    """Who speaks and how fast.

    Attributes:
        preset: id of a ``VoicePreset``, or "first+second:weight" for a blend.
        rate: speaking rate, 0.7-1.5; 1.0 is the voice's own.
    """

    preset: str = "heart"
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What a model is told of a turn.

    Attributes:
        messages: everything said before it, oldest first; the model trims it by whole turns.
        user_text: its words; None where the model heard them as audio only.
        language: "en", "zh"; the language the user spoke last.
        persona: how the assistant should talk; one sentence for the system prompt, "" for none.
    """

    messages: tuple[Message, ...] = ()
    user_text: str | None = None
    language: str = "en"
    persona: str = ""


@dataclass(frozen=True, slots=True)
class VoicePreset:
    """One voice a person can choose.

    Attributes:
        accent: e.g. "American", "British", "Mandarin".
        realtime_factor: synthesis seconds per second of sound on two cores; None: not measured.
        needs: names of weights that must be present (empty: always there).
    """

    id: str
    name: str
    language: str
    accent: str
    gender: str
    engine: str
    sample_sentence: str
    realtime_factor: float | None = None
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far the download of one model file is.

    Attributes:
        n_done: bytes that are here.
        n_bytes: size of the file, as far as it is known.
        note: a line worth showing once, e.g. which source failed; "" for none.
    """

    name: str
    n_done: int
    n_bytes: int
    note: str = ""


ProgressReport = Callable[[FetchProgress], None]


@dataclass(frozen=True, slots=True)
class WeightInfo:
    """A model file as a list shows it.

    Attributes:
        groups: the sets it belongs to.
        origin: where it is fetched, e.g. "package index".
    """

    name: str
    title: str
    megabytes: float
    licence: str
    is_present: bool
    groups: tuple[str, ...] = ()
    origin: str = ""


@dataclass(frozen=True, slots=True)
class SpeechModelInfo:
    """A speech model as a chooser shows it.

    Attributes:
        name: what stands in the settings.
        megabytes: size of its files; 0 where that is unknown.
        reason: why it can, or cannot, be used here; one sentence.
        is_local: a folder of one's own.
    """

    name: str
    title: str
    megabytes: float
    licence: str
    is_ready: bool
    reason: str
    is_local: bool = False


NO_SCORE = 0.5  # a probability that says nothing either way


@dataclass(frozen=True, slots=True)
class AgentState:
    """What the assistant is doing, as the predictor sees it.

    Attributes:
        is_speaking: a reply is audible, ducked, or held for a decision.
        text_so_far: what has been heard of the reply.
        model_p_end: probability by the speech model that the user's present pause ends the turn;
            0.5 where it has none.
        has_asked: its latest reply ended in a question, which the user may be answering.
    """

    is_speaking: bool = False
    text_so_far: str = ""
    model_p_end: float = NO_SCORE
    has_asked: bool = False


@dataclass(frozen=True, slots=True)
class DuplexPrediction:
    """A proposal; the controller decides.

    Attributes:
        at_s: end of the audio it saw, on the microphone's clock.
        p_end_of_turn: the user has finished.
        p_hold: the user pauses and will go on.
        p_interruption: the user wants the floor while the assistant speaks.
        p_backchannel: the user only acknowledges.
        p_noise: this is no speech at all.
        silence_ms: how long the user has been quiet.
        wait_ms: silence after which the turn is over even if p_end_of_turn stays low.
        is_stop_word: "stop", "wait": ends the reply whatever else is true.
        reason: one short human-readable cause, without the user's words.
        inputs: the evidence in numbers, by name; never words.
    """

    at_s: float
    p_end_of_turn: float = 0.0
    p_hold: float = 0.0
    p_interruption: float = 0.0
    p_backchannel: float = 0.0
    p_noise: float = 0.0
    silence_ms: float = 0.0
    wait_ms: float = 1600.0
    is_stop_word: bool = False
    reason: str = ""
    inputs: tuple[tuple[str, float], ...] = ()
