"""Stands for speech where no synthesizer is needed: a harmonic tone for every word.

For checking that everything runs; nothing is learnt from it. Knows no real voice.
"""

from __future__ import annotations

import zlib

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen, level_dbfs
from model.training.duplex.speakers import Speaker
from model.training.duplex.utterance import Utterance, Word

_WORD_S, _GAP_S = 0.22, 0.06
_PITCH_HZ = 140.0
_N_HARMONICS = 12
_WINDOW = 512  # samples
_VOICE_DBFS = -50.0


class ToneSpeech:
    """Says anything at once."""

    def say(self, speaker: Speaker, text: str, rate: float = 1.0) -> Utterance:
        """Words of equal length; the pitch depends on speaker and word."""
        parts: list[Samples] = []
        words: list[Word] = []
        at_s = 0.0
        for word in text.split() or list(text):
            n = round(_WORD_S / rate * ENGINE_RATE_HZ)
            silence = np.zeros(round(_GAP_S * ENGINE_RATE_HZ), np.float32)
            parts += [_tone(speaker.pitch, word, n), silence]
            words.append(Word(word, at_s, at_s + n / ENGINE_RATE_HZ))
            at_s += n / ENGINE_RATE_HZ + _GAP_S
        samples = frozen(np.concatenate(parts)[: round((at_s - _GAP_S) * ENGINE_RATE_HZ)])
        return Utterance(
            samples, tuple(words), text, speaker.language, speaker.id, "tones", "none needed"
        )


def _tone(pitch: float, word: str, n: int) -> Samples:
    hz = _PITCH_HZ * pitch * (1.0 + zlib.crc32(word.encode()) % 7 / 10.0)
    at_s = np.arange(n) / ENGINE_RATE_HZ
    tones = sum(np.sin(2 * np.pi * hz * k * at_s) / k for k in range(1, _N_HARMONICS))
    return (0.3 * tones * np.hanning(n) ** 0.3).astype(np.float32)


class LoudnessDetector:
    """Takes what is loud for a voice; see VoiceActivityDetector."""

    @property
    def window(self) -> int:
        return _WINDOW

    def probability(self, window: Samples) -> float:
        return 1.0 if level_dbfs(window) > _VOICE_DBFS else 0.0

    def reset(self) -> None:
        """It remembers nothing."""
