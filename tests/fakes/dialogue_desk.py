"""A dialogue whose ports write down what they are told."""

from __future__ import annotations

from app.dialogue.conversation import Conversation
from app.dialogue.dialogue import Dialogue, DialoguePorts
from app.dialogue.events import TextSubmitted
from app.dialogue.state import DialogueRules, Phase
from app.dialogue.timeline import Timeline
from app.dialogue.trace import DialogueTrace
from app.history.store import HistoryStore
from app.settings.settings import OverlapSettings
from audio_io.events import PlaybackProgressed, PlaybackStarted
from model.events import ModelReady, TextDelta
from model.requests import ModelRequest
from tests.fakes.loudspeaker import NotingLoudspeaker, chunk

ANSWER = "It is."
READY = ModelReady("scripted", 24_000, (), 0.1)


class DialogueDesk:
    """Time stands still at ``now_s``; ``do`` hands events in."""

    def __init__(self) -> None:
        self.loudspeaker = NotingLoudspeaker()
        self.sent: list[ModelRequest] = []
        self.errors: list[str] = []
        self.microphone: list[bool] = []
        self.n_restarts = 0
        self.history = HistoryStore(None)
        self.now_s = 1.0
        ports = DialoguePorts(
            lambda command: command(self.loudspeaker), self.sent.append, self._restart,
            self.microphone.append, self.errors.append,
        )  # fmt: skip
        self.timeline = Timeline()
        self.dialogue = Dialogue(
            ports,
            Conversation(self.history, lambda notice: None),
            DialogueTrace(self.timeline),
            DialogueRules(),
            OverlapSettings(duck_gain_db=-14.0, fade_ms=40),
        )

    def do(self, *events: object) -> None:
        for event in events:
            self.dialogue.handle(event, self.now_s)  # type: ignore[arg-type]

    def sent_of(self, kind: type) -> list[ModelRequest]:
        return [request for request in self.sent if isinstance(request, kind)]

    def _restart(self) -> None:
        self.n_restarts += 1

    @property
    def phase(self) -> Phase:
        return self.dialogue.state.phase

    def speaking(self) -> None:
        """A typed question is being answered; one word of two was heard."""
        self.do(
            READY, TextSubmitted("Is it?"), TextDelta(1, ANSWER),
            chunk(1), PlaybackStarted(1, 1.2), PlaybackProgressed(1, 2, 1.3),
        )  # fmt: skip
        assert self.phase is Phase.SPEAKING
