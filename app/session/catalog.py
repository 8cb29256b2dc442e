"""Lists and files that the session is handed by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.settings.settings import Settings


class Report(Protocol):
    def __call__(self, name: str, n_done: int, note: str, n_bytes: int = 0) -> None:
        """``n_bytes``: size of ``name`` where it turned out to be another than ``missing`` said."""
        ...


class ModelFiles(Protocol):
    """Where model files stand. Raises WeightsError or OSError with one line."""

    def missing(self, names: tuple[str, ...]) -> Mapping[str, int]:
        """Those that are not there, with their sizes in bytes."""
        ...

    def fetch(self, names: tuple[str, ...], report: Report) -> None:
        """Returns when all are there; what ``report`` raises ends it."""
        ...

    def remove(self, name: str) -> None: ...

    def add(self, folder: str) -> None:
        """A folder that is here already becomes a model."""
        ...


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """A voice as the menu shows it.

    Attributes:
        is_available: False until everything it needs is there.
        needs: names of the weights it is spoken with; empty where it came with the program.
    """

    id: str
    name: str
    description: str
    language: str
    is_available: bool = True
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    name: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class WeightInfo:
    """A model file as the model page shows it; ``groups`` are the sets it belongs to."""

    name: str
    title: str
    megabytes: float
    licence: str
    is_present: bool
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpeechModelInfo:
    """A model as the chooser shows it.

    Attributes:
        name: what stands in the settings.
        megabytes: of its files; 0 where that is unknown.
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


@dataclass(frozen=True, slots=True)
class SessionCatalog:
    """Lists the window shows; each call looks anew.

    Attributes:
        apply: told of settings when the session begins and when they change.
    """

    voices: Callable[[], tuple[VoiceInfo, ...]]
    sample_sentence: Callable[[str], str]
    input_devices: Callable[[], tuple[DeviceChoice, ...]]
    output_devices: Callable[[], tuple[DeviceChoice, ...]]
    models: Callable[[], tuple[WeightInfo, ...]]
    model_store: ModelFiles
    speech_models: Callable[[], tuple[SpeechModelInfo, ...]] = tuple
    apply: Callable[[Settings], None] = lambda _settings: None
