"""Roles of the model plane: a speech model that streams, a predictor that proposes."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from audio_io.frames import AudioFrame, UserFrame
from model.events import (
    LoadProgress,
    ReplyEvent,
    TranscriptPartial,
    TurnScored,
    TurnTranscribed,
)
from model.requests import ReplyRequest
from model.types import (
    AgentState,
    CancelToken,
    DuplexPrediction,
    TurnContext,
    TurnKey,
    VoiceChoice,
    VoicePreset,
)


class SpeechModel(Protocol):
    """Hears a user turn while it is spoken, then streams a spoken reply.

    Every method runs on one thread (the worker's). ``hear`` and ``finish_turn`` may be called while
    a reply is being iterated: the worker interleaves them between two steps.
    """

    @property
    def name(self) -> str:
        """Return the name it goes by."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """Return the rate of the speech it makes, in Hz."""
        ...

    def load(self, report: Callable[[LoadProgress], None]) -> None:
        """Read weights and warm up. Raises ModelError with one clear line."""
        ...

    def voices(self) -> tuple[VoicePreset, ...]:
        """Return the voices that can be used now."""
        ...

    def begin_turn(self, key: TurnKey, context: TurnContext) -> None:
        """Open a user turn: forget audio of other turns, warm the prompt up to ``context``.

        Called again with a higher revision when the user goes on after a pause: keeps the audio.
        """
        ...

    def hear(self, frame: AudioFrame) -> Iterable[TranscriptPartial]:
        """Take 16 kHz user audio of the open turn; it may be answered with a partial transcript."""
        ...

    def finish_turn(self, key: TurnKey) -> Iterable[TurnTranscribed | TurnScored]:
        """Transcribe what was heard so far: the user paused. The turn may still be reopened.

        Words of the turn before, which was answered by ear, may come first if they were late. A
        model that can tell whether the user has finished says so before the words.
        """
        ...

    def reply(self, request: ReplyRequest, cancel: CancelToken) -> Iterator[ReplyEvent]:
        """Yield text deltas and speech chunks. One ``next`` is one step (<= 200 ms of work).

        A turn that was answered by ear may be written down among them (``TurnTranscribed``).

        Stops yielding within one step of ``cancel``. ``close()`` on the iterator frees its state.
        """
        ...

    def say(self, text: str, voice: VoiceChoice, generation: int) -> Iterator[ReplyEvent]:
        """Speak ``text`` as it is (voice previews, repeats)."""
        ...

    def use_voice(self, voice: VoiceChoice) -> None:
        """Go on with ``voice`` from the next sentence of the reply being made."""
        ...

    def forget_turn(self, key: TurnKey) -> None:
        """Drop the turn's audio and prepared state."""
        ...

    def close(self) -> None:
        """Free everything. May be called twice."""
        ...


class DuplexPredictor(Protocol):
    """Reads the conversation every 10 ms; speaks up when it has something new to say."""

    def step(self, user: UserFrame, agent: AgentState) -> DuplexPrediction | None:
        """Return a prediction every 80 ms at the latest while anything is undecided, else None."""
        ...

    def reset(self) -> None:
        """Forget what was heard."""
        ...
