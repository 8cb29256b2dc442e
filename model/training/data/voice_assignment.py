"""Who speaks in a written dialogue, and the synthesizer that comes with the program as a speaker.

Each side gets a voice, never the same, decided by a seed.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import soxr

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.cascade.clauses import ClauseSplitter
from model.cascade.engines import RATE_HZ
from model.cascade.synthesizer import Synthesizer
from model.training.data.dialogues import Dialogue
from model.training.data.problems import BadSample, DataError, Fault
from model.types import VoiceChoice, VoicePreset

# A voice that is played faster sounds like a smaller person; the speed of speaking is kept.
_PITCHES = (0.88, 0.94, 1.0, 1.06, 1.12)
_RATES = (0.9, 1.0, 1.1)
_NAMES = {"male": ("luke",), "female": ("lucy", "omni")}
_VERSION = 1  # of the sound that an utterance becomes


@dataclass(frozen=True, slots=True)
class SpeakingStyle:
    """How somebody speaks.

    Attributes:
        rate: of speaking; 1 is the voice's own.
        pitch: factor on every frequency.
    """

    voice: str
    rate: float = 1.0
    pitch: float = 1.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """A text and who says it."""

    text: str
    language: str
    style: SpeakingStyle

    @property
    def key(self) -> str:
        """Return the recording's name: the same words in the same style are recorded once."""
        style = self.style
        fields = (_VERSION, self.text, self.language, style.voice, style.rate, style.pitch)
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class DialogueVoices:
    """The voices of both sides of a dialogue.

    Attributes:
        name: whom the assistant is: luke, lucy or omni, as its voice sounds.
    """

    user: SpeakingStyle
    assistant: SpeakingStyle
    name: str


@dataclass(frozen=True, slots=True)
class VoiceAssignment:
    """The choice of voices from those that are there.

    Attributes:
        assistants: voices of the assistant; empty: any.
    """

    voices: Sequence[VoicePreset]
    seed: int
    assistants: Sequence[str] = ()

    def assign(self, dialogue: Dialogue) -> DialogueVoices:
        """Return the same voices for the same words and seed, wherever they stand in a file.

        Raises:
            BadSample: no voice speaks its language.
        """
        fitting = [voice for voice in self.voices if voice.language == dialogue.language]
        answering = [v for v in fitting if not self.assistants or v.id in self.assistants]
        if not answering:
            raise BadSample(
                Fault.WRONG_SHAPE,
                f"no voice is here that answers in {dialogue.language!r}; see: parley voices",
            )
        choose = np.random.default_rng([self.seed, *dialogue.digest[:8]])
        assistant = answering[choose.integers(len(answering))]
        others = [voice for voice in fitting if voice.id != assistant.id]
        asking = others[choose.integers(len(others))] if others else assistant
        pitches = _PITCHES if others else tuple(p for p in _PITCHES if p != 1.0)
        user = SpeakingStyle(
            asking.id,
            _RATES[choose.integers(len(_RATES))],
            pitches[choose.integers(len(pitches))],
        )
        names = _NAMES.get(assistant.gender, _NAMES["female"])
        name = names[choose.integers(len(names))]
        return DialogueVoices(user, SpeakingStyle(assistant.id), name)


class BundledSpeaker:
    """Speaks one utterance at a time on one core; loads voices when they are first used."""

    def __init__(self, weights_dir: Path) -> None:
        self._synthesizer = Synthesizer(weights_dir)

    def voices(self) -> tuple[VoicePreset, ...]:
        """Return those whose files are here."""
        return self._synthesizer.voices()

    def speak(self, utterance: Utterance) -> Samples:
        """Return the sound, (n,) at 16 kHz; empty where nothing can be said.

        Clause by clause, as the program speaks; played faster or slower for the pitch.
        """
        style = utterance.style
        voice = self._synthesizer.resolve(VoiceChoice(style.voice), utterance.language)
        if voice.preset.id != style.voice:
            raise DataError(f"the voice {style.voice!r} is not here; see: parley voices")
        splitter = ClauseSplitter()
        clauses = [*splitter.push(utterance.text), *splitter.finish()]
        rate = style.rate / style.pitch
        spoken = [self._synthesizer.speak(clause.text, voice, rate).samples for clause in clauses]
        if not any(map(len, spoken)):
            return np.zeros(0, np.float32)
        resampled: Any = soxr.resample(
            np.concatenate(spoken), RATE_HZ * style.pitch, ENGINE_RATE_HZ
        )
        return cast(Samples, resampled)
