"""Which microphones and loudspeakers there are, and which one a name means."""

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from audio_io.errors import AudioUnavailable, DeviceNotFound

Direction = Literal["microphone", "loudspeaker"]


SoundLibrary = Any  # the module sounddevice, or one of the tests that can be unplugged


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One device as the sound library lists it.

    Attributes:
        index: the library's number; changes when something is plugged in.
        n_inputs, n_outputs: channels of the microphone and of the loudspeaker; 0: it has none.
        default_rate_hz: the rate the device prefers.
    """

    name: str
    index: int
    n_inputs: int
    n_outputs: int
    default_rate_hz: int
    is_default_input: bool
    is_default_output: bool

    def can(self, direction: Direction) -> bool:
        """Return whether it has channels in that direction."""
        return (self.n_inputs if direction == "microphone" else self.n_outputs) > 0


def load_library(environ: Mapping[str, str] = os.environ) -> SoundLibrary:
    """Import sounddevice, or raise AudioUnavailable with what to do.

    PortAudio aborts the whole process at import when ALSA_CONFIG_PATH names a missing file, so that
    is looked at first.
    """
    for config in environ.get("ALSA_CONFIG_PATH", "").split(":"):
        if config and not Path(config).exists():
            raise AudioUnavailable(
                f"ALSA_CONFIG_PATH names {config}, which does not exist: unset it or create it"
            )
    try:
        return importlib.import_module("sounddevice")
    except OSError as error:
        raise AudioUnavailable(
            "PortAudio is missing: install it (Debian, Ubuntu: apt install libportaudio2; "
            "Fedora: dnf install portaudio; macOS: brew install portaudio)"
        ) from error


def list_devices(library: SoundLibrary) -> tuple[DeviceInfo, ...]:
    """Return all devices in the library's order; none when the sound system is down."""
    try:
        found = list(library.query_devices())
        defaults = tuple(library.default.device)
    except library.PortAudioError:
        return ()
    return tuple(
        DeviceInfo(
            name=str(entry["name"]),
            index=index,
            n_inputs=int(entry["max_input_channels"]),
            n_outputs=int(entry["max_output_channels"]),
            default_rate_hz=int(entry["default_samplerate"]),
            is_default_input=index == defaults[0],
            is_default_output=index == defaults[1],
        )
        for index, entry in enumerate(found)
    )


def choose_device(
    devices: Sequence[DeviceInfo], name: str | None, direction: Direction
) -> DeviceInfo:
    """Return the device that ``name`` means: exactly, or as the only one containing it.

    Without a name: the system's default, else the first one.

    Raises:
        DeviceNotFound: none, or several; the message lists the names there are.
    """
    able = [device for device in devices if device.can(direction)]
    if not able:
        raise DeviceNotFound(f"there is no {direction}: plug one in or switch it on")
    if name is None:
        default = "is_default_input" if direction == "microphone" else "is_default_output"
        return next((device for device in able if getattr(device, default)), able[0])
    exact = [device for device in able if device.name == name]
    if exact:
        return exact[0]
    similar = [device for device in able if name.casefold() in device.name.casefold()]
    if len(similar) == 1:
        return similar[0]
    problem = "is ambiguous" if similar else "was not found"
    names = ", ".join(repr(device.name) for device in similar or able)
    raise DeviceNotFound(f"{direction} {name!r} {problem}; choose one of {names}")
