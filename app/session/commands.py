"""What the window may ask of the session besides the dialogue's own events, and the door it uses.

Does not know the engine; the window talks to a ``SessionPort`` and nothing else.
"""

from dataclasses import dataclass
from typing import Protocol

from app.dialogue.events import (
    MicrophoneSwitched,
    ModeChosen,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextSubmitted,
)
from app.history.store import HistoryStore
from app.replay.marks import BadMoment
from app.session.catalog import SessionCatalog
from app.session.snapshot import EngineSnapshot
from app.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class NewConversation:
    pass


@dataclass(frozen=True, slots=True)
class OpenConversation:
    conversation_id: int


@dataclass(frozen=True, slots=True)
class ChooseVoice:
    """Applies from the next sentence on."""

    preset: str
    rate: float


@dataclass(frozen=True, slots=True)
class PreviewVoice:
    """Speaks the preset's sample sentence."""

    preset: str
    rate: float


@dataclass(frozen=True, slots=True)
class ChooseDevices:
    """None means the system default."""

    input_name: str | None
    output_name: str | None


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """Saved and put to work; what needs a restart of the engine restarts it."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class RunNoticeAction:
    """A notice's button was pressed."""

    key: str
    action: str


@dataclass(frozen=True, slots=True)
class TestEcho:
    """Plays a short sound and measures what comes back."""


@dataclass(frozen=True, slots=True)
class MarkMoment:
    """Saves the last seconds with that label; only while sound is recorded."""

    kind: BadMoment


@dataclass(frozen=True, slots=True)
class DeleteRecordings:
    """Sound, marked moments and replays, all of them."""


RecordingCommand = MarkMoment | DeleteRecordings


@dataclass(frozen=True, slots=True)
class FetchWeights:
    """Brings model files from the network; sent only when a person asked for exactly these."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopFetching:
    """Gives up a ``FetchWeights`` of the same names; what has arrived is kept."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveWeights:
    """Deletes model files; they can be fetched again."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AddModelFolder:
    """Makes a model of a folder that is here already; forgotten by ``RemoveWeights``."""

    folder: str


WeightCommand = FetchWeights | StopFetching | RemoveWeights | AddModelFolder

Command = (
    StopRequested
    | TalkPressed
    | TalkReleased
    | ModeChosen
    | MicrophoneSwitched
    | TextSubmitted
    | NewConversation
    | OpenConversation
    | ChooseVoice
    | PreviewVoice
    | ChooseDevices
    | ApplySettings
    | RunNoticeAction
    | TestEcho
    | RecordingCommand
    | WeightCommand
)


class SessionPort(Protocol):
    """All the window knows of the session. Every method returns at once.

    Attributes:
        catalog: the lists of its menus; each is looked up anew.
    """

    catalog: SessionCatalog

    def snapshot(self) -> EngineSnapshot: ...
    def send(self, command: Command) -> None: ...
    def settings(self) -> Settings: ...
    def history(self) -> HistoryStore: ...
