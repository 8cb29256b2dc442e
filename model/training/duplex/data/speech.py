"""Text to utterances through the synthesizers; what the slow one said is kept on disk.

Does not know what the utterances are for.

Stands for speech where no synthesizer is needed: a harmonic tone for every word.

For checking that everything runs; nothing is learnt from it. Knows no real voice.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import cast

import numpy as np
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples, frozen, level_dbfs
from model.cascade.engines import RATE_HZ
from model.cascade.synthesizer import Synthesizer
from model.training.duplex.data.heard_clips import read_about, read_tensors, write_tensors
from model.training.duplex.data.records import DataError
from model.training.duplex.data.speakers import Speaker
from model.training.duplex.data.utterance import Utterance, Word, trimmed, warped

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


_FULL_SCALE = 32767.0
_N_REMEMBERED = 64  # utterances of the fast voice


class SpeechCache:
    """``say`` gives the same samples for the same arguments, from disk where it can."""

    def __init__(self, synthesizer: Synthesizer, folder: Path) -> None:
        self._synthesizer = synthesizer
        self._folder = folder
        self._recent: OrderedDict[tuple[str, str, float], Utterance] = OrderedDict()

    def say(self, speaker: Speaker, text: str, rate: float = 1.0) -> Utterance:
        """Without silence at its ends; ``rate`` comes on top of the speaker's own tempo."""
        key = ("" if speaker.is_fast else speaker.id, text, rate)
        plain = self._recent.get(key)
        if plain is None:
            plain = self._plain(speaker, text, rate)
            self._recent[key] = plain
            if len(self._recent) > _N_REMEMBERED:
                self._recent.popitem(last=False)
        named = Utterance(
            plain.samples, plain.words, text, speaker.language, speaker.id, plain.source,
            speaker.licence,
        )  # fmt: skip
        return warped(named, speaker.pitch, speaker.tempo, speaker.tilt_db)

    def _plain(self, speaker: Speaker, text: str, rate: float) -> Utterance:
        path = self._path(speaker, text, rate)
        if not speaker.is_fast:
            kept = _read(path, speaker, text)
            if kept is not None:
                return kept
        utterance = self._synthesized(speaker, text, rate)
        if not speaker.is_fast:
            self._folder.mkdir(parents=True, exist_ok=True)
            _write(path, utterance)
            return _read(path, speaker, text) or utterance
        return utterance

    def _synthesized(self, speaker: Speaker, text: str, rate: float) -> Utterance:
        spoken = self._synthesizer.speak(text, speaker.voice, rate)
        samples = soxr.resample(spoken.samples, RATE_HZ, ENGINE_RATE_HZ, "HQ")
        words = tuple(
            Word(text[m.text_start : m.text_end], m.sample_start / RATE_HZ, m.sample_end / RATE_HZ)
            for m in spoken.marks
        )
        source = speaker.style or "hibari"
        whole = Utterance(
            frozen(samples), words, text, speaker.language, speaker.id, source, speaker.licence
        )
        return trimmed(whole) if len(samples) else whole

    def _path(self, speaker: Speaker, text: str, rate: float) -> Path:
        key = hashlib.sha256(f"{speaker.id}\n{rate:.2f}\n{text}".encode()).hexdigest()[:20]
        return self._folder / f"{key}.safetensors"


def _write(path: Path, utterance: Utterance) -> None:
    words = json.dumps([[w.text, w.start_s, w.end_s] for w in utterance.words])
    samples = np.round(np.clip(utterance.samples, -1.0, 1.0) * _FULL_SCALE).astype(np.int16)
    write_tensors(path, {"samples": samples}, {"words": words})


def _read(path: Path, speaker: Speaker, text: str) -> Utterance | None:
    """None where it is missing or unreadable: then it is made again."""
    if not path.is_file():
        return None
    try:
        samples = read_tensors(path)["samples"]
        entries = cast("list[tuple[str, float, float]]", json.loads(read_about(path)["words"]))
    except (DataError, KeyError, ValueError):
        return None
    words = tuple(Word(*entry) for entry in entries)
    return Utterance(
        frozen(samples.astype(np.float32) / np.float32(_FULL_SCALE)), words, text,
        speaker.language, speaker.id, speaker.style, speaker.licence,
    )  # fmt: skip
