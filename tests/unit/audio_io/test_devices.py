from __future__ import annotations

from pathlib import Path

import pytest

from audio_io.devices import choose_device, list_devices, load_library
from audio_io.errors import AudioUnavailable, DeviceNotFound
from tests.fakes.audio import FakeCard, FakePortAudio

CARDS = [
    FakeCard("HDA Intel: Analog", 2, 2),
    FakeCard("USB Headset", 1, 2),
    FakeCard("USB Camera", 1, 0),
    FakeCard("HDMI", 0, 8),
]


def _devices() -> tuple:
    return list_devices(FakePortAudio([FakeCard(**vars(card)) for card in CARDS]))


def test_the_list_tells_directions_and_defaults() -> None:
    devices = _devices()
    assert [d.name for d in devices if d.can("microphone")] == [c.name for c in CARDS[:3]]
    assert [d.is_default_input for d in devices] == [True, False, False, False]


def test_a_sound_system_that_is_down_has_no_devices() -> None:
    library = FakePortAudio([FakeCard("a", 1, 1)])
    library.is_server_down = True
    assert list_devices(library) == ()


def test_a_name_is_found_exactly_or_by_its_only_match() -> None:
    devices = _devices()
    assert choose_device(devices, "HDMI", "loudspeaker").index == 3
    assert choose_device(devices, "headset", "microphone").index == 1
    assert choose_device(devices, None, "microphone").index == 0


def test_an_ambiguous_or_unknown_name_lists_the_choices() -> None:
    with pytest.raises(DeviceNotFound, match=r"ambiguous.*USB Headset.*USB Camera"):
        choose_device(_devices(), "usb", "microphone")
    with pytest.raises(DeviceNotFound, match=r"not found.*HDA Intel"):
        choose_device(_devices(), "HDMI", "microphone")
    with pytest.raises(DeviceNotFound, match="there is no microphone"):
        choose_device((), None, "microphone")


def test_a_missing_alsa_configuration_is_named_before_it_can_abort(tmp_path: Path) -> None:
    missing = tmp_path / "asound.conf"
    with pytest.raises(AudioUnavailable, match=r"asound\.conf"):
        load_library({"ALSA_CONFIG_PATH": str(missing)})
