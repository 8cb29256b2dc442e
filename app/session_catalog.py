"""Lists and files that the session is handed by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.commands import DeviceChoice, SpeechModelInfo, VoiceInfo, WeightInfo
from app.settings import Settings
from app.weight_desk import WeightShelf


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
    shelf: WeightShelf
    speech_models: Callable[[], tuple[SpeechModelInfo, ...]] = tuple
    apply: Callable[[Settings], None] = lambda _settings: None
