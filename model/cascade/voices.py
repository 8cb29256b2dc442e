"""The voices a person can choose, read from ``resources/voices.toml``.

Knows which files a voice needs, not how they are fetched or spoken with.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.cascade.phonemes import MandarinPhonemizer
from model.errors import ModelError
from model.types import VoicePreset

VOICES_FILE = Path(__file__).resolve().parents[2] / "resources" / "voices.toml"
KOKORO_FILE = "kokoro-82m-v1.0-int8.onnx"
MIN_RATE, MAX_RATE = 0.7, 1.5


def style_file(style: str) -> str:
    """Path of a style table below the weights folder."""
    return f"kokoro-voices/{style}.bin"


@dataclass(frozen=True, slots=True)
class Voice:
    """One entry of the file.

    Attributes:
        styles: (file below ``kokoro-voices``, weight) of each part; empty for the bundled voice.
        phonemizer: "us", "gb" or "zh".
        gain_db: brings the voice to the common level.
    """

    preset: VoicePreset
    styles: tuple[tuple[str, float], ...]
    phonemizer: str
    gain_db: float

    @property
    def files(self) -> tuple[str, ...]:
        """Paths below the weights folder."""
        if not self.styles:
            return ()
        return (KOKORO_FILE, *(style_file(style) for style, _ in self.styles))


def read_voices(path: Path = VOICES_FILE) -> dict[str, Voice]:
    """Returns all voices by id, in the order of the file.

    Raises:
        ModelError: the file is missing or broken; names the voice and key.
    """
    try:
        entries: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["voice"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: cannot read the voices: {error}; reinstall") from error
    voices: dict[str, Voice] = {}
    for entry in entries:
        try:
            voice = _voice(entry)
        except (KeyError, TypeError, ValueError) as error:
            name = entry.get("id", "(no id)")
            raise ModelError(f"{path}: voice {name}: key {error}; reinstall") from error
        voices[voice.preset.id] = voice
    return voices


def usable(voices: dict[str, Voice], weights_dir: Path) -> dict[str, Voice]:
    """Returns the voices whose parts are all here."""
    has_mandarin = MandarinPhonemizer.is_installed()
    return {
        name: voice
        for name, voice in voices.items()
        if all((weights_dir / path).is_file() for path in voice.files)
        and (voice.phonemizer != "zh" or has_mandarin)
    }


def blend_of(choice: str) -> tuple[str, str, float] | None:
    """Parses "first+second:weight"; None when ``choice`` is a plain id or malformed."""
    names, _, weight_text = choice.partition(":")
    first, plus, second = names.partition("+")
    if not plus:
        return None
    try:
        weight = float(weight_text or "0.5")
    except ValueError:
        return None
    return first, second, min(1.0, max(0.0, weight))


def _voice(entry: dict[str, Any]) -> Voice:
    styles = tuple((str(part["style"]), float(part["weight"])) for part in entry.get("parts", ()))
    needs = tuple(f"kokoro-voice-{style}" for style, _ in styles)
    if styles:
        needs = ("kokoro-82m-int8", *needs)
    preset = VoicePreset(
        id=entry["id"],
        name=entry["name"],
        language=entry["language"],
        accent=entry["accent"],
        gender=entry["gender"],
        engine=entry["engine"],
        sample_sentence=entry["sample_sentence"],
        realtime_factor=entry.get("realtime_factor"),
        needs=needs,
    )
    return Voice(preset, styles, entry["phonemizer"], float(entry.get("gain_db", 0.0)))
