"""The voices a person can choose, read from ``resources/voices.toml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from model.cascade.phonemes import MandarinPhonemizer
from model.errors import ModelError
from model.files.records import read_toml
from model.types import VoicePreset

VOICES_FILE = Path(__file__).resolve().parents[2] / "resources" / "voices.toml"
KOKORO_FILE = "kokoro-82m-v1.0-int8.onnx"
MIN_RATE, MAX_RATE = 0.7, 1.5


def style_file(style: str) -> str:
    """Return the path of a style table below the weights folder."""
    return f"kokoro-voices/{style}.bin"


class Style(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Kokoro style table, a file below ``kokoro-voices``, and its share of a voice."""

    style: str
    weight: float


class Voice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the file.

    Attributes:
        gain_db: brings the voice to the common level.
        styles: style tables that are mixed; none for the bundled voice.
    """

    id: str
    name: str
    language: str
    accent: str
    gender: str
    engine: Literal["hibari", "kokoro"]
    phonemizer: Literal["us", "gb", "zh"]
    sample_sentence: str
    realtime_factor: float | None = None
    gain_db: float = 0.0
    styles: tuple[Style, ...] = msgspec.field(name="parts", default=())

    @property
    def preset(self) -> VoicePreset:
        """Return what a person is shown."""
        needs = tuple(f"kokoro-voice-{one.style}" for one in self.styles)
        return VoicePreset(
            self.id, self.name, self.language, self.accent, self.gender, self.engine,
            self.sample_sentence, self.realtime_factor,
            needs=("kokoro-82m-int8", *needs) if needs else (),
        )  # fmt: skip

    @property
    def files(self) -> tuple[str, ...]:
        """Return the paths of its files below the weights folder."""
        if not self.styles:
            return ()
        return (KOKORO_FILE, *(style_file(one.style) for one in self.styles))


class _VoicesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    voice: tuple[Voice, ...]


def read_voices(path: Path = VOICES_FILE) -> dict[str, Voice]:
    """Return all voices by id, in the order of the file.

    Raises:
        ModelError: the file is missing or broken; names the entry and its key.
    """
    voices = read_toml(path, _VoicesFile, ModelError, remedy="reinstall").voice
    return {voice.id: voice for voice in voices}


def usable(voices: Mapping[str, Voice], weights_dir: Path) -> dict[str, Voice]:
    """Return the voices whose files are all here."""
    has_mandarin = MandarinPhonemizer.is_installed()
    return {
        name: voice
        for name, voice in voices.items()
        if all((weights_dir / path).is_file() for path in voice.files)
        and (voice.phonemizer != "zh" or has_mandarin)
    }


def blend_of(choice: str) -> tuple[str, str, float] | None:
    """Parse "first+second:weight"; return None where ``choice`` is a plain id or malformed."""
    names, _, weight_text = choice.partition(":")
    first, plus, second = names.partition("+")
    if not plus:
        return None
    try:
        weight = float(weight_text or "0.5")
    except ValueError:
        return None
    return first, second, min(1.0, max(0.0, weight))
