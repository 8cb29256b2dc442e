"""What is used of hibari, with types: its phonemizer, vocabulary and waveform generator.

hibari is pinned; this is the only module that knows its insides.
"""

from pathlib import Path
from typing import Any, Protocol, cast

import hibari
import numpy as np
from hibari import dsp, g2p

from audio_io.frames import Samples

_dsp: Any = dsp  # the package has no types
_g2p: Any = g2p


class Token(Protocol):
    """A piece of text with its phonemes; ``whitespace`` is what follows it."""

    text: str
    whitespace: str
    phonemes: str | None


class Converter:
    """Converts text to tokens with misaki's symbols."""

    def __init__(self, is_british: bool) -> None:
        self._g2p: Any = _g2p.G2P(british=is_british)

    def __call__(self, normalized: str) -> list[Token]:
        """Return the tokens of text that ``normalized`` has gone over."""
        return cast(list[Token], self._g2p.phonemize_tokens(self._g2p.tokenize(normalized)))


def normalized(text: str) -> str:
    """Return ``text`` with times, dates, units and the like in words."""
    return cast(str, _g2p.normalize(text))


def hibari_assets() -> Path:
    """Return the folder of the files inside the package."""
    return Path(hibari.__file__).parent / "assets"


def waveform(frames: list[Any], noise: np.random.Generator) -> Samples:
    """Return sound, float32 (n,) at 24 kHz, made of the network's spectral frames."""
    return cast(Samples, _dsp.synth(*frames, noise))
