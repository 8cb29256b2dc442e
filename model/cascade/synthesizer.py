"""Clauses to speech: chooses engine and voice, trims, levels and joins, and places the words."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import structs

from audio_io.frames import Samples, frozen
from model.cascade.engines import (
    RATE_HZ,
    HibariEngine,
    KokoroEngine,
    RawSpeech,
    SpeechEngine,
    read_style,
)
from model.cascade.phonemes import EnglishPhonemizer, MandarinPhonemizer, Phonemes, Phonemizer
from model.cascade.voices import (
    KOKORO_FILE,
    MAX_RATE,
    MIN_RATE,
    Style,
    Voice,
    blend_of,
    read_voices,
    style_file,
    usable,
)
from model.events import Mark
from model.types import VoiceChoice, VoicePreset

_DEFAULT_VOICE = "heart"
_LEAD_MS = 20.0  # silence kept before the first sound: its onset must not be clipped
_TAIL_MS = 60.0  # and after the last one
_CLAUSE_PAUSE_MS = 40.0  # after a clause that ends without punctuation
_COMMA_PAUSE_MS = 120.0
_SENTENCE_PAUSE_MS = 280.0
_FADE_MS = 5.0  # declick at the joints
_FLOOR_DB = -45.0  # below the clause's peak this is silence
_PEAK = 0.89  # -1 dBFS
_HOP = RATE_HZ // 200  # 5 ms: resolution of the silence search


@dataclass(frozen=True, slots=True)
class Spoken:
    """A clause as sound: float32 (n,) at 24 kHz; marks count from the clause's own start."""

    samples: Samples
    marks: tuple[Mark, ...]


class Synthesizer:
    """Loads engines and voices when they are first used. Called from one thread at a time."""

    def __init__(self, weights_dir: Path) -> None:
        self._weights_dir = weights_dir
        self._voices = read_voices()
        self._engines: dict[str, SpeechEngine] = {}
        self._phonemizers: dict[str, Phonemizer] = {}
        self._styles: dict[str, Samples] = {}

    def voices(self) -> tuple[VoicePreset, ...]:
        """Return the voices whose files are here."""
        return tuple(v.preset for v in usable(self._voices, self._weights_dir).values())

    def resolve(self, choice: VoiceChoice, language: str) -> Voice:
        """Return the voice to use: the chosen one, or one that speaks ``language``."""
        here = usable(self._voices, self._weights_dir)
        voice = self._blended(choice.preset, here) or here.get(choice.preset)
        if voice is None or voice.language != language:
            fitting = (v for v in here.values() if v.language == language)
            voice = next(fitting, None) or voice or here[_DEFAULT_VOICE]
        return voice

    def can_speak(self, language: str) -> bool:
        """Return whether a voice of ``language`` is here."""
        return any(v.language == language for v in usable(self._voices, self._weights_dir).values())

    def speak(self, text: str, voice: Voice, rate: float) -> Spoken:
        """Return ``text`` as sound; nothing at all where there is nothing to say.

        Raises:
            Stopped: ``stop`` was called meanwhile.
        """
        phonemes = self._phonemizer(voice.phonemizer)(text)
        if not phonemes.words:
            return Spoken(frozen(np.zeros(0, np.float32)), ())
        engine = self._engine(voice.engine)
        rate = min(MAX_RATE, max(MIN_RATE, rate))
        raw = engine.synthesize(phonemes.symbols, self._style(voice), rate)
        return joined(raw, phonemes, _pause_ms(text) / rate, voice.gain_db)

    def warm(self, choice: VoiceChoice, language: str) -> None:
        """Load what ``choice`` needs and run it once: first runs take longest."""
        greeting = "你好。" if language == "zh" else "Hello."
        self.speak(greeting, self.resolve(choice, language), choice.rate)

    def stop(self) -> None:
        """Give up a synthesis that is running on another thread."""
        for engine in self._engines.values():
            engine.stop()

    def _engine(self, name: str) -> SpeechEngine:
        if name not in self._engines:
            path = self._weights_dir / KOKORO_FILE
            self._engines[name] = HibariEngine() if name == "hibari" else KokoroEngine(path)
        return self._engines[name]

    def _phonemizer(self, name: str) -> Phonemizer:
        if name not in self._phonemizers:
            self._phonemizers[name] = (
                MandarinPhonemizer() if name == "zh" else EnglishPhonemizer(name == "gb")
            )
        return self._phonemizers[name]

    def _style(self, voice: Voice) -> Samples | None:
        if not voice.styles:
            return None
        if voice.id not in self._styles:
            total = sum(one.weight for one in voice.styles) or 1.0
            parts = [
                read_style(self._weights_dir / style_file(one.style)) * (one.weight / total)
                for one in voice.styles
            ]
            self._styles[voice.id] = np.asarray(np.sum(parts, axis=0), np.float32)
        return self._styles[voice.id]

    def _blended(self, choice: str, here: dict[str, Voice]) -> Voice | None:
        """Mix two Kokoro voices; return None where ``choice`` is no blend of voices here."""
        blend = blend_of(choice)
        if blend is None or blend[0] not in here or blend[1] not in here:
            return None
        first, second, weight = here[blend[0]], here[blend[1]], blend[2]
        if not first.styles or not second.styles or first.phonemizer != second.phonemizer:
            return first
        styles = [Style(one.style, one.weight * (1.0 - weight)) for one in first.styles]
        styles += [Style(one.style, one.weight * weight) for one in second.styles]
        return structs.replace(first, id=choice, name=choice, styles=tuple(styles))


def joined(raw: RawSpeech, phonemes: Phonemes, pause_ms: float, gain_db: float) -> Spoken:
    """Trim silence at both ends, level, fade, and add the pause that follows the clause."""
    begin, end = _sounding(raw.samples)
    body = raw.samples[begin:end] * np.float32(10.0 ** (gain_db / 20.0))
    peak = float(np.max(np.abs(body))) if len(body) else 0.0
    if peak > _PEAK:
        body *= _PEAK / peak
    n_fade = min(_samples(_FADE_MS), len(body) // 2)
    ramp = np.linspace(0.0, 1.0, n_fade, dtype=np.float32)
    body[:n_fade] *= ramp
    body[len(body) - n_fade :] *= ramp[::-1]
    pause = np.zeros(_samples(pause_ms), np.float32)
    return Spoken(frozen(np.concatenate([body, pause])), _marks(raw, phonemes, begin, len(body)))


def _marks(raw: RawSpeech, phonemes: Phonemes, begin: int, n: int) -> tuple[Mark, ...]:
    marks: list[Mark] = []
    last = 0
    for word in phonemes.words:
        if word.end >= len(raw.onsets):
            break
        start = min(n, max(last, int(raw.onsets[word.start]) - begin))
        last = min(n, max(start, int(raw.onsets[word.end]) - begin))
        marks.append(Mark(word.source.start, word.source.end, start, last))
    return tuple(marks)


def _sounding(samples: Samples) -> tuple[int, int]:
    """Return where the sound begins and ends, with some silence around it."""
    n = len(samples) // _HOP
    peaks = np.abs(samples[: n * _HOP]).reshape(n, _HOP).max(axis=1) if n else np.zeros(0)
    loud = np.flatnonzero(peaks > (peaks.max(initial=0.0) * 10.0 ** (_FLOOR_DB / 20.0)))
    if not len(loud):
        return 0, len(samples)
    begin = int(loud[0]) * _HOP - _samples(_LEAD_MS)
    end = (int(loud[-1]) + 1) * _HOP + _samples(_TAIL_MS)
    return max(0, begin), min(len(samples), end)


def _pause_ms(text: str) -> float:
    last = text.rstrip("\"'”’)*_ ")[-1:]
    if last in ".!?…。！？":
        return _SENTENCE_PAUSE_MS
    return _COMMA_PAUSE_MS if last in ",;:—–，；：、" and last else _CLAUSE_PAUSE_MS


def _samples(ms: float) -> int:
    return int(ms * RATE_HZ / 1000.0)
