"""Who speaks in synthesized scenes: one fast voice in many variants, and many slow ones."""

from dataclasses import dataclass

import numpy as np

from model.cascade.voices import Style, Voice
from model.training.duplex import read_tables
from model.training.duplex.data.chance import between

TRAIN, VALIDATION, TEST = "train", "val", "test"

_N_VARIANTS, _N_VALIDATION_VARIANTS = 28, 4
_LOWEST_PITCH, _HIGHEST_PITCH = 0.74, 1.18  # of a female voice: from a man's to a girl's
_TILT_DB = 5.0
_TEMPO = (0.85, 1.2)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A synthetic person.

    Attributes:
        split: the data this speaker occurs in, and no other.
        style: a Kokoro style; "" for the fast bundled voice.
        pitch, tempo, tilt_db: what makes a variant of the voice; see ``Utterance.warped``.
    """

    id: str
    split: str
    language: str
    style: str
    phonemizer: str
    licence: str
    pitch: float = 1.0
    tempo: float = 1.0
    tilt_db: float = 0.0

    @property
    def is_fast(self) -> bool:
        """Whether it is a variant of the bundled voice, fifty times faster than real time."""
        return not self.style

    @property
    def voice(self) -> Voice:
        """The voice as the synthesizer knows it."""
        return Voice(
            id=self.id,
            name=self.id,
            language=self.language,
            accent="",
            gender="",
            engine="kokoro" if self.style else "hibari",
            phonemizer=self.phonemizer,
            sample_sentence="",
            styles=(Style(self.style, 1.0),) if self.style else (),
        )


_HIBARI_LICENCE = "Apache-2.0 (hibari-tts)"
_KOKORO_LICENCE = "Apache-2.0 (Kokoro-82M)"
ASSISTANT = Speaker("heart", "", "en", "", "us", _HIBARI_LICENCE)
"""The bundled English voice as it is."""


def _variant(index: int) -> Speaker:
    """Spread pitch evenly, so that variants for validation lie between those for training."""
    rng = np.random.default_rng(index)
    place = (index * 0.618034) % 1.0
    is_validation = index >= _N_VARIANTS - _N_VALIDATION_VARIANTS
    return Speaker(
        id=f"hibari-{index:02d}",
        split=VALIDATION if is_validation else TRAIN,
        language="en",
        style="",
        phonemizer="us",
        licence=_HIBARI_LICENCE,
        pitch=_LOWEST_PITCH + place * (_HIGHEST_PITCH - _LOWEST_PITCH),
        tempo=between(rng, _TEMPO),
        tilt_db=between(rng, (-_TILT_DB, _TILT_DB)),
    )


def fast_speakers() -> tuple[Speaker, ...]:
    """Return the variants of the bundled English voice."""
    return tuple(_variant(index) for index in range(_N_VARIANTS))


def slow_speakers() -> tuple[Speaker, ...]:
    """Return Kokoro's voices: English with two standards and other accents, and Mandarin."""
    tables = read_tables("slow_voices.toml")
    speakers: list[Speaker] = []
    for group, styles in tables["voices"].items():
        language, phonemizer, *_ = group.split()
        for style in styles:
            split = VALIDATION if style in tables["split"]["val"] else TRAIN
            name = f"kokoro-{style}"
            speakers.append(Speaker(name, split, language, style, phonemizer, _KOKORO_LICENCE))
    return tuple(speakers)
