"""Who speaks in a dialogue: a voice for each side, never the same, decided by a seed.

Knows neither synthesizer nor files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.training.data.dialogues import Dialogue
from model.training.data.problems import BadSample, Fault
from model.types import VoicePreset

# A voice that is played faster sounds like a smaller person; the pace is kept.
_PITCHES = (0.88, 0.94, 1.0, 1.06, 1.12)
_RATES = (0.9, 1.0, 1.1)
_NAMES = {"male": ("luke",), "female": ("lucy", "omni")}
_VERSION = 1  # of the sound that an utterance becomes


@dataclass(frozen=True, slots=True)
class Manner:
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
    manner: Manner

    @property
    def key(self) -> str:
        """Names the recording: the same words in the same manner are recorded once."""
        manner = self.manner
        parts = (_VERSION, self.text, self.language, manner.voice, manner.rate, manner.pitch)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Cast:
    """Both sides of a dialogue.

    Attributes:
        name: whom the assistant is: luke, lucy or omni, as its voice sounds.
    """

    user: Manner
    assistant: Manner
    name: str


class Casting:
    """Chooses from the voices that are there.

    Args:
        assistants: voices of the assistant; empty: any.
    """

    def __init__(
        self, voices: Sequence[VoicePreset], seed: int, assistants: Sequence[str] = ()
    ) -> None:
        self._voices = tuple(voices)
        self._assistants = tuple(assistants)
        self._seed = seed

    def cast(self, dialogue: Dialogue) -> Cast:
        """The same for the same words and seed, wherever they stand in a file.

        Raises:
            BadSample: no voice speaks its language.
        """
        fitting = [voice for voice in self._voices if voice.language == dialogue.language]
        answering = [v for v in fitting if not self._assistants or v.id in self._assistants]
        if not answering:
            raise BadSample(
                Fault.WRONG_SHAPE,
                f"no voice is here that answers in {dialogue.language!r}; see: parley voices",
            )
        choose = np.random.default_rng([self._seed, *dialogue.digest[:8]])
        assistant = answering[choose.integers(len(answering))]
        others = [voice for voice in fitting if voice.id != assistant.id]
        asking = others[choose.integers(len(others))] if others else assistant
        pitches = _PITCHES if others else tuple(p for p in _PITCHES if p != 1.0)
        user = Manner(
            asking.id,
            _RATES[choose.integers(len(_RATES))],
            pitches[choose.integers(len(pitches))],
        )
        names = _NAMES.get(assistant.gender, _NAMES["female"])
        return Cast(user, Manner(assistant.id), names[choose.integers(len(names))])
