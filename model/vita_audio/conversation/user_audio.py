"""The user's open turn as the language model reads it: codes as it is spoken, frames at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.vita_audio.conversation.prompts import ContinuousAudio, DiscreteAudio

if TYPE_CHECKING:  # frames are heard where torch is not installed
    from model.vita_audio.speech_tokenizer.token_stream import SpeechTokenStream

# Of the position table of SenseVoice, at 16.67 frames a second, less its four queries.
_LONGEST_S = 122.0


class CodeListener:
    """The discrete variants: codes are final at block ends, the open block is read at a pause."""

    features = None

    def __init__(self, open_stream: Callable[[], SpeechTokenStream]) -> None:
        self._open_stream = open_stream
        self.begin()

    @property
    def audio(self) -> DiscreteAudio | None:
        """What a prompt may hold of the turn by now; None: nothing yet."""
        codes = (*self._final, *self._open)
        return DiscreteAudio(codes) if codes else None

    def begin(self) -> None:
        """Forget what was heard: another turn begins."""
        self._stream = self._open_stream()
        self._final: list[int] = []
        self._open: list[int] = []

    def hear(self, samples: Samples) -> bool:
        """Take samples (n,) at 16 kHz; return whether ``audio`` may have changed."""
        was_paused, self._open = bool(self._open), []
        new = self._stream.hear(samples)
        self._final += new
        return was_paused or bool(new)

    def pause(self) -> None:
        """Count everything heard so far, for now."""
        self._open = self._stream.finish()


class FeatureListener:
    """The Plus variants: the encoder needs the utterance whole, so it is encoded at its end.

    Of a turn longer than the encoder's positions the last two minutes are heard.

    Attributes:
        features: (t, 560) float32 of the turn; None before a pause.
    """

    def __init__(self, extract: Callable[[Samples], Samples]) -> None:
        self._extract = extract
        self.begin()

    @property
    def audio(self) -> ContinuousAudio | None:
        """What a prompt may hold of the turn by now; None: nothing yet."""
        return None if self.features is None else ContinuousAudio(len(self.features))

    def begin(self) -> None:
        """Forget what was heard: another turn begins."""
        self._heard: list[Samples] = []
        self.features: Samples | None = None

    def hear(self, samples: Samples) -> bool:
        """Take samples (n,) at 16 kHz; return whether ``audio`` may have changed."""
        self._heard.append(samples)
        was_paused, self.features = self.features is not None, None
        return was_paused

    def pause(self) -> None:
        """Count everything heard so far, for now."""
        if self._heard and self.features is None:
            self._heard = [np.concatenate(self._heard)[-round(_LONGEST_S * ENGINE_RATE_HZ) :]]
            self.features = self._extract(self._heard[0])
