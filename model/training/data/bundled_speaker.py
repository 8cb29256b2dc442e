"""The synthesizers that come with the program, for whole utterances at 16 kHz.

Knows no file of data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.clauses import ClauseSplitter
from model.cascade.engines import RATE_HZ
from model.cascade.synthesizer import Synthesizer
from model.training.data.casting import Utterance
from model.training.data.problems import DataError
from model.types import VoiceChoice, VoicePreset


class BundledSpeaker:
    """One core, one utterance at a time. Loads voices when they are first used."""

    def __init__(self, weights_dir: Path) -> None:
        self._synthesizer = Synthesizer(weights_dir)

    def voices(self) -> tuple[VoicePreset, ...]:
        """Those whose files are here."""
        return self._synthesizer.voices()

    def speak(self, utterance: Utterance) -> Samples:
        """Clause by clause, as the program speaks; played faster or slower for the pitch."""
        manner = utterance.manner
        voice = self._synthesizer.resolve(VoiceChoice(manner.voice), utterance.language)
        if voice.preset.id != manner.voice:
            raise DataError(f"the voice {manner.voice!r} is not here; see: parley voices")
        splitter = ClauseSplitter()
        clauses = [*splitter.push(utterance.text), *splitter.finish()]
        rate = manner.rate / manner.pitch
        parts = [self._synthesizer.speak(clause.text, voice, rate).samples for clause in clauses]
        if not any(len(part) for part in parts):
            return np.zeros(0, np.float32)
        resampled: Any = soxr.resample(
            np.concatenate(parts), RATE_HZ * manner.pitch, ENGINE_RATE_HZ
        )
        return cast(Samples, resampled)
