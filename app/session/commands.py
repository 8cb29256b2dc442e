"""What the window may ask of the session besides the dialogue's own events, and its port."""

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
    """Begins with an empty table."""


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """Goes on with a conversation that was kept."""

    conversation_id: int


@dataclass(frozen=True, slots=True)
class ChooseVoice:
    """Lets another voice speak from the next sentence on."""

    preset: str
    rate: float


@dataclass(frozen=True, slots=True)
class PreviewVoice:
    """Speaks the preset's sample sentence."""

    preset: str
    rate: float


@dataclass(frozen=True, slots=True)
class ChooseDevices:
    """Opens other devices; None means the system's default."""

    input_name: str | None
    output_name: str | None


@dataclass(frozen=True, slots=True)
class ApplySettings:
    """Saves settings and puts them to work."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class RunNoticeAction:
    """Does what the button of a notice says."""

    key: str
    action: str


@dataclass(frozen=True, slots=True)
class TestEcho:
    """Plays a short sound and measures what comes back."""


@dataclass(frozen=True, slots=True)
class MarkMoment:
    """Saves the last seconds with a label, while sound is recorded."""

    kind: BadMoment


@dataclass(frozen=True, slots=True)
class DeleteRecordings:
    """Deletes all sound, marked moments and replays."""


RecordingCommand = MarkMoment | DeleteRecordings


@dataclass(frozen=True, slots=True)
class FetchWeights:
    """Fetches model files; sent only when a person has asked for exactly these."""

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
    """Makes a folder that is here already a model; ``RemoveWeights`` forgets it."""

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

    def snapshot(self) -> EngineSnapshot:
        """Return the latest snapshot. Any thread."""
        ...

    def send(self, command: Command) -> None:
        """Order what a user asks for; it happens later."""
        ...

    def settings(self) -> Settings:
        """Return the settings in use."""
        ...

    def history(self) -> HistoryStore:
        """Return the store of conversations."""
        ...
