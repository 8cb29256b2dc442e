"""What can be asked of a model worker: imperative, plain data, picklable, handled in order."""

from dataclasses import dataclass, field

from audio_io.frames import AudioFrame
from model.types import CancelReason, TurnContext, TurnKey, VoiceChoice


@dataclass(frozen=True, slots=True)
class BeginTurn:
    """Listen to a turn from here on; a higher revision of the open one goes on with it."""

    key: TurnKey
    context: TurnContext


@dataclass(frozen=True, slots=True)
class Hear:
    """Take more of the user's clean audio, 16 kHz."""

    frame: AudioFrame


@dataclass(frozen=True, slots=True)
class FinishTurn:
    """Say what the turn's words are: the user pauses."""

    key: TurnKey


@dataclass(frozen=True, slots=True)
class ForgetTurn:
    """Drop the turn: it wants no answer."""

    key: TurnKey


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """Make a reply: text and sound of one generation."""

    generation: int
    key: TurnKey
    context: TurnContext
    voice: VoiceChoice = field(default_factory=VoiceChoice)


@dataclass(frozen=True, slots=True)
class Say:
    """Speak ``text`` as it is."""

    generation: int
    text: str
    voice: VoiceChoice


@dataclass(frozen=True, slots=True)
class UseVoice:
    """Speak with ``voice`` from the next sentence of the running reply on."""

    voice: VoiceChoice


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop making a reply."""

    generation: int
    reason: CancelReason


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End every reply and free the model."""


ModelRequest = (
    BeginTurn | Hear | FinishTurn | ForgetTurn | ReplyRequest | Say | UseVoice | Cancel | Shutdown
)
