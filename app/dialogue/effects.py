"""What the dialogue wants done, in the imperative. The shell performs; nothing here has a body."""

from __future__ import annotations

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
    """It was no turn: an acknowledgement, a noise, or a stop word that was obeyed."""

    key: TurnKey


@dataclass(frozen=True, slots=True)
class CommitUserTurn:
    """Write the user's words; a later revision of the same turn replaces them."""

    key: TurnKey
    text: str


@dataclass(frozen=True, slots=True)
class StartGeneration:
    """Make a reply to ``key``. Nothing of it sounds before ``PlayReply``."""

    generation: int
    key: TurnKey
    user_text: str | None


@dataclass(frozen=True, slots=True)
class PlayReply:
    """The turn is over: what the generation has made and will make goes to the loudspeaker."""

    generation: int
    key: TurnKey


@dataclass(frozen=True, slots=True)
class CancelGeneration:
    generation: int
    reason: CancelReason


@dataclass(frozen=True, slots=True)
class Duck:
    """Play the reply quieter while the overlap is judged."""

    generation: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause the reply at the sample; its place is kept."""

    generation: int


@dataclass(frozen=True, slots=True)
class Resume:
    """It was no interruption: back to full level, from the word where it was ducked."""

    generation: int


@dataclass(frozen=True, slots=True)
class FadeAndFlush:
    generation: int


@dataclass(frozen=True, slots=True)
class HardFlush:
    """The fade did not finish: drop everything now."""

    generation: int


@dataclass(frozen=True, slots=True)
class CommitHeard:
    """Write what was heard of a reply; the only way a reply enters the history."""

    report: PlayoutReport
    key: TurnKey


@dataclass(frozen=True, slots=True)
class ArmDeadline:
    kind: DeadlineKind
    token: int
    after_ms: float


@dataclass(frozen=True, slots=True)
class DisarmDeadline:
    kind: DeadlineKind


@dataclass(frozen=True, slots=True)
class RestartModel:
    """The worker died; start another."""


@dataclass(frozen=True, slots=True)
class SetMicrophone:
    """Open or close the capture path (muted, or push-to-talk not held)."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class ReportError:
    message: str


@dataclass(frozen=True, slots=True)
class NoteDecision:
    """Put a decision on the timeline; ``reason`` is a ``Cause`` or the predictor's own words."""

    what: DecisionKind
    reason: str
    generation: int | None = None


Effect = (
    OpenTurn
    | FinishHearing
    | ForgetTurn
    | CommitUserTurn
    | StartGeneration
    | PlayReply
    | CancelGeneration
    | Duck
    | Hold
    | Resume
    | FadeAndFlush
    | HardFlush
    | CommitHeard
    | ArmDeadline
    | DisarmDeadline
    | RestartModel
    | SetMicrophone
    | ReportError
    | NoteDecision
)
