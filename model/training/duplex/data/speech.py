"""Text to utterances: through the synthesizers, or as tones where only the machinery is tried."""

import zlib
from dataclasses import replace
from functools import lru_cache

import numpy as np
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen, level_dbfs
from model.cascade.engines import RATE_HZ
from model.cascade.synthesizer import Synthesizer
from model.files.content_cache import Cache, Entry, address
from model.training.duplex.data.speakers import ASSISTANT, Speaker
from model.training.duplex.data.utterance import Utterance, Word

_FULL_SCALE = 32767.0
_N_REMEMBERED = 64  # utterances


class SynthesizedSpeech:
    """``say`` gives the same samples for the same arguments; ``cache`` keeps the slow voices'."""

    def __init__(self, synthesizer: Synthesizer, cache: Cache) -> None:
        self._synthesizer = synthesizer
        self._cache = cache
        self._plain = lru_cache(_N_REMEMBERED)(self._spoken)

    def say(self, speaker: Speaker, text: str, rate: float = 1.0) -> Utterance:
        """Return ``text`` without silence at its ends; the speaker's own tempo comes on top."""
        plain = self._plain(ASSISTANT if speaker.is_fast else speaker, text, rate)
        named = replace(plain, text=text, speaker=speaker.id)
        return named.warped(speaker.pitch, speaker.tempo, speaker.tilt_db)

    def _spoken(self, speaker: Speaker, text: str, rate: float) -> Utterance:
        if speaker.is_fast:
            return self._synthesized(speaker, text, rate)

        def make() -> Entry:
            made = self._synthesized(speaker, text, rate)
            samples = np.round(np.clip(made.samples, -1.0, 1.0) * _FULL_SCALE).astype(np.int16)
            words = [[word.text, word.start_s, word.end_s] for word in made.words]
            return Entry({"samples": samples}, {"text": text, "words": words})

        entry = self._cache.made(address("speech", speaker.id, text, rate), make)
        samples = entry.tensors["samples"].astype(np.float32) / np.float32(_FULL_SCALE)
        words = tuple(Word(*word) for word in entry.about["words"])
        return _utterance(samples, words, text, speaker)

    def _synthesized(self, speaker: Speaker, text: str, rate: float) -> Utterance:
        spoken = self._synthesizer.speak(text, speaker.voice, rate)
        samples = soxr.resample(spoken.samples, RATE_HZ, ENGINE_RATE_HZ, "HQ")
        words = tuple(
            Word(text[m.text_start : m.text_end], m.sample_start / RATE_HZ, m.sample_end / RATE_HZ)
            for m in spoken.marks
        )
        whole = _utterance(samples, words, text, speaker)
        return whole.trimmed() if len(samples) else whole


def _utterance(samples: Samples, words: tuple[Word, ...], text: str, speaker: Speaker) -> Utterance:
    source = speaker.style or "hibari"
    return Utterance(
        frozen(samples), words, text, speaker.language, speaker.id, source, speaker.licence
    )


_WORD_S, _GAP_S = 0.22, 0.06
_PITCH_HZ = 140.0
_N_HARMONICS = 12


class ToneSpeech:
    """Says everything at once: a harmonic tone for every word. Nothing is learnt from it."""

    def say(self, speaker: Speaker, text: str, rate: float = 1.0) -> Utterance:
        """Return words of equal length, whose pitch depends on speaker and word."""
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

    window = 512  # samples

    def probability(self, window: Samples) -> float:
        """Return 1 for a window above -50 dBFS, 0 for any other."""
        return 1.0 if level_dbfs(window) > -50.0 else 0.0

    def reset(self) -> None:
        """Do nothing: it remembers nothing."""
