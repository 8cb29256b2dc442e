"""Text to utterances through the synthesizers; what the slow one said is kept on disk.

Does not know what the utterances are for.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from pathlib import Path
from typing import cast

import numpy as np
import soxr

from audio_io.frames import ENGINE_RATE_HZ, frozen
from model.cascade.engines import RATE_HZ
from model.cascade.synthesizer import Synthesizer
from model.training.duplex.data_error import DataError
from model.training.duplex.speakers import Speaker
from model.training.duplex.tensor_file import read_about, read_tensors, write_tensors
from model.training.duplex.utterance import Utterance, Word, trimmed
from model.training.duplex.voice_warp import warped

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
