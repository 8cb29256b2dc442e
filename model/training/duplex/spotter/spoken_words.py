"""What the synthesizers say for the spotter: every word by many voices, made once and kept."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from model.training.duplex import read_tables
from model.training.duplex.data.speaker_pool import Speech
from model.training.duplex.data.speakers import ASSISTANT, Speaker, slow_speakers
from model.training.duplex.data.utterance import Utterance

PHRASES = read_tables("spotter_phrases.toml")
"""What is said for each class, by language."""

_RATES = (0.85, 1.0, 1.2)
_FOREIGN = (
    "ef_dora", "em_alex", "em_santa", "hf_beta", "hm_omega", "hm_psi", "if_sara", "jf_alpha",
    "jm_kumo", "pf_dora", "pm_alex",
)  # fmt: skip
_N_OTHERS = {"en": 5, "zh": 5}  # phrases of no class that one voice says


@dataclass(frozen=True, slots=True)
class SpokenPhrase:
    """Something that one voice says; ``name``: the class it belongs to."""

    name: str
    speaker: Speaker
    text: str
    rate: float

    def said(self, speech: Speech) -> Utterance:
        """Return the sound, without silence at its ends."""
        return speech.say(self.speaker, self.text, self.rate)


def word_speakers() -> tuple[Speaker, ...]:
    """Return the voices: Kokoro's, each language in its own and in some foreign accents."""
    own = slow_speakers()
    like = own[0]
    foreign = tuple(
        replace(like, id=f"kokoro-{style}", style=style, split="train", phonemizer="us")
        for style in _FOREIGN
    )
    return own + foreign


def spoken_phrases() -> Iterator[SpokenPhrase]:
    """Yield what the slow voices say: all words first, then the rest; always the same."""
    speakers = word_speakers()
    for is_word in (True, False):
        for speaker in speakers:
            for name, texts in PHRASES.items():
                if (name != "speech") == is_word:
                    yield from _of(name, speaker, texts.get(speaker.language, ()))


def fast_phrases() -> Iterator[SpokenPhrase]:
    """Yield what the bundled voice says, at every rate."""
    for name, texts in PHRASES.items():
        for text in texts.get("en", ()):
            for rate in _RATES:
                yield SpokenPhrase(name, ASSISTANT, text, rate)


def _of(name: str, speaker: Speaker, texts: tuple[str, ...]) -> Iterator[SpokenPhrase]:
    if name == "speech":
        n = _N_OTHERS[speaker.language]
        first = zlib.crc32(speaker.id.encode()) % max(1, len(texts))
        texts = tuple(texts[(first + 5 * i) % len(texts)] for i in range(min(n, len(texts))))
    for text in dict.fromkeys(texts):
        digest = zlib.crc32(f"{speaker.id} {text}".encode())
        yield SpokenPhrase(name, speaker, text, _RATES[digest % len(_RATES)])
