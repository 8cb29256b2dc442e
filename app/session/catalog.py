"""Lists and files that the session is handed by the composition root."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.settings.settings import Settings
from audio_io.devices import DeviceInfo, list_devices, load_library
from audio_io.errors import AudioUnavailable
from model.types import ProgressReport, SpeechModelInfo, VoicePreset, WeightInfo

__all__ = [
    "DeviceChoice", "ModelFiles", "SessionCatalog", "SpeechModelInfo", "VoiceInfo", "WeightInfo",
    "device_choices", "devices",
]  # fmt: skip

logger = logging.getLogger(__name__)


class ModelFiles(Protocol):
    """Where model files are kept. Every method raises WeightsError or OSError with one line."""

    def missing(self, names: Iterable[str]) -> Mapping[str, int]:
        """Return those of ``names`` that are not there, with their sizes in bytes."""
        ...

    def fetch(self, names: Iterable[str], report: ProgressReport) -> None:
        """Return when all are there; what ``report`` raises ends it."""
        ...

    def remove(self, name: str) -> object:
        """Delete a file."""
        ...

    def add(self, folder: Path) -> object:
        """Make a folder that is here already a model."""
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

    @classmethod
    def of(cls, preset: VoicePreset, *, is_available: bool) -> VoiceInfo:
        """Return what the menu shows of a preset."""
        factor = preset.realtime_factor
        speed = "" if factor is None else f", CPU {factor:.0%}"  # of one core, while it speaks
        about = f"{preset.accent}, {preset.gender}{speed}"
        return cls(preset.id, preset.name, about, preset.language, is_available, preset.needs)


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A microphone or loudspeaker as a menu shows it."""

    name: str
    is_default: bool


def devices() -> tuple[DeviceInfo, ...]:
    """Return what is plugged in; nothing without a sound library."""
    try:
        return list_devices(load_library())
    except AudioUnavailable as error:
        logger.info("no devices to list: %s", error)
        return ()


def device_choices(*, is_input: bool) -> tuple[DeviceChoice, ...]:
    """Return the microphones, or the loudspeakers, that are plugged in."""
    return tuple(
        DeviceChoice(d.name, d.is_default_input if is_input else d.is_default_output)
        for d in devices()
        if (d.n_inputs if is_input else d.n_outputs)
    )


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
