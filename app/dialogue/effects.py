"""What the dialogue wants done, in the imperative; ``app.dialogue.dialogue`` performs it."""

from dataclasses import dataclass

from app.dialogue.causes import DecisionKind
from app.dialogue.events import DeadlineKind
from audio_io.events import PlayoutReport
from model.types import CancelReason, TurnKey


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """Let the model hear the user from ``onset_s`` on (None: from now); a revision goes on."""

    key: TurnKey
    onset_s: float | None


@dataclass(frozen=True, slots=True)
class FinishHearing:
    """Ask for the words of the turn so far; the turn may be reopened."""

    key: TurnKey


@dataclass(frozen=True, slots=True)
class ForgetTurn:
    """Drop what was no turn: an acknowledgement, a noise, or a stop word that was obeyed."""

    key: TurnKey


@dataclass(frozen=True, slots=True)
class CommitUserTurn:
    """Write the user's words down; a later revision of the same turn replaces them."""

    key: TurnKey
    text: str


@dataclass(frozen=True, slots=True)
class StartGeneration:
    """Have a reply to ``key`` made. Nothing of it sounds before ``PlayReply``."""

    generation: int
    key: TurnKey
    user_text: str | None


@dataclass(frozen=True, slots=True)
class PlayReply:
    """Play what the generation has made and will make: its turn is over."""

    generation: int
    key: TurnKey


@dataclass(frozen=True, slots=True)
class CancelGeneration:
    """Have the model stop making a reply."""

    generation: int
    reason: CancelReason


@dataclass(frozen=True, slots=True)
class Duck:
    """Play the reply more softly while the overlap is judged."""

    generation: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause the reply at the sample; its place is kept."""

    generation: int


@dataclass(frozen=True, slots=True)
class Resume:
    """Go back to full level, from the word where the reply was ducked."""

    generation: int


@dataclass(frozen=True, slots=True)
class FadeAndFlush:
    """End the reply softly."""

    generation: int


@dataclass(frozen=True, slots=True)
class HardFlush:
    """Drop all sound now: the fade did not finish."""

    generation: int


@dataclass(frozen=True, slots=True)
class CommitHeard:
    """Write down what was heard of a reply; the only way a reply enters the history."""

    report: PlayoutReport
    key: TurnKey


@dataclass(frozen=True, slots=True)
class ArmDeadline:
    """Start a timer; one of the same kind is replaced."""

    kind: DeadlineKind
    token: int
    after_ms: float


@dataclass(frozen=True, slots=True)
class DisarmDeadline:
    """Stop a timer."""

    kind: DeadlineKind


@dataclass(frozen=True, slots=True)
class RestartModel:
    """Start another worker: this one died."""


@dataclass(frozen=True, slots=True)
class SetMicrophone:
    """Open or close the capture path (muted, or push-to-talk not held)."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class ReportError:
    """Tell the user what went wrong."""

    message: str


@dataclass(frozen=True, slots=True)
class NoteDecision:
    """Put a decision on the timeline; ``reason`` is a ``Cause`` or the predictor's own words."""

    what: DecisionKind
    reason: str
    generation: int | None = None


PlaybackEffect = Duck | Hold | Resume | FadeAndFlush | HardFlush
Effect = (
    OpenTurn
    | FinishHearing
    | ForgetTurn
    | CommitUserTurn
    | StartGeneration
    | PlayReply
    | CancelGeneration
    | PlaybackEffect
    | CommitHeard
    | ArmDeadline
    | DisarmDeadline
    | RestartModel
    | SetMicrophone
    | ReportError
    | NoteDecision
)
