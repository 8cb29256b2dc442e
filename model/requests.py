"""What can be asked of a model worker: imperative, plain data, picklable, handled in order.

Knows nothing of how a worker runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from audio_io.frames import AudioFrame
from model.types import CancelReason, ReplyContext, ReplyRequest, TurnKey, VoiceChoice


@dataclass(frozen=True, slots=True)
class BeginTurn:
    key: TurnKey
    context: ReplyContext


@dataclass(frozen=True, slots=True)
class Hear:
    frame: AudioFrame


@dataclass(frozen=True, slots=True)
class FinishTurn:
    key: TurnKey


@dataclass(frozen=True, slots=True)
class ForgetTurn:
    key: TurnKey


@dataclass(frozen=True, slots=True)
class Reply:
    request: ReplyRequest


@dataclass(frozen=True, slots=True)
class Say:
    generation: int
    text: str
    voice: VoiceChoice


@dataclass(frozen=True, slots=True)
class UseVoice:
    """From the next sentence of the running reply on."""

    voice: VoiceChoice


@dataclass(frozen=True, slots=True)
class Cancel:
    generation: int
    reason: CancelReason


@dataclass(frozen=True, slots=True)
class Shutdown:
    pass


ModelRequest = (
    BeginTurn | Hear | FinishTurn | ForgetTurn | Reply | Say | UseVoice | Cancel | Shutdown
)
