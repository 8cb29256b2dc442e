"""The user's open turn as the language model reads it: codes as it is spoken, frames at its end.

Knows no prompt, no conversation and no device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.vita_audio.conversation.prompts import Audio, ContinuousAudio, DiscreteAudio

# Of the position table of SenseVoice, at 16.67 frames a second, less its four queries.
_LONGEST_S = 122.0


class CodeStream(Protocol):
    """The speech tokenizer on one turn."""

    def hear(self, samples: Samples) -> list[int]:
        """Codes that will not change any more."""
        ...

    def finish(self) -> list[int]:
        """Codes of the open block as it is now; more audio may follow."""
        ...


class Ear(Protocol):
    """Hears one turn at a time."""

    @property
    def audio(self) -> Audio | None:
        """What a prompt may hold of the turn by now; None: nothing yet."""
        ...

    @property
    def features(self) -> Samples | None:
        """(t, 560) float32 of continuous audio; None where the audio is codes, or not there yet."""
        ...

    @property
    def heard_s(self) -> float: ...

    def begin(self) -> None: ...

    def hear(self, samples: Samples) -> bool:
        """Returns whether ``audio`` may have changed; asking it for every frame would cost more."""
        ...

    def pause(self) -> None:
        """Everything heard so far counts, for now."""
        ...


class CodeEar:
    """Discrete variants: codes are final at block ends, the open block is read at a pause."""

    def __init__(self, open_stream: Callable[[], CodeStream]) -> None:
        self._open_stream = open_stream
        self.begin()

    @property
    def audio(self) -> DiscreteAudio | None:
        codes = (*self._final, *self._open)
        return DiscreteAudio(codes) if codes else None

    @property
    def features(self) -> None:
        return None

    @property
    def heard_s(self) -> float:
        return self._n_heard / ENGINE_RATE_HZ

    def begin(self) -> None:
        self._stream = self._open_stream()
        self._final: list[int] = []
        self._open: list[int] = []
        self._n_heard = 0

    def hear(self, samples: Samples) -> bool:
        self._n_heard += len(samples)
        was_paused, self._open = bool(self._open), []
        new = self._stream.hear(samples)
        self._final += new
        return was_paused or bool(new)

    def pause(self) -> None:
        self._open = self._stream.finish()


class FrameEar:
    """Plus variants: the encoder needs the utterance whole, so it is encoded at its end.

    Of a turn longer than the encoder's positions the last two minutes are heard.
    """

    def __init__(self, features_of: Callable[[Samples], Samples]) -> None:
        self._features_of = features_of
        self.begin()

    @property
    def audio(self) -> ContinuousAudio | None:
        return None if self._features is None else ContinuousAudio(len(self._features))

    @property
    def features(self) -> Samples | None:
        return self._features

    @property
    def heard_s(self) -> float:
        return self._n_heard / ENGINE_RATE_HZ

    def begin(self) -> None:
        self._parts: list[Samples] = []
        self._features: Samples | None = None
        self._n_heard = 0

    def hear(self, samples: Samples) -> bool:
        self._n_heard += len(samples)
        self._parts.append(samples)
        was_paused, self._features = self._features is not None, None
        return was_paused

    def pause(self) -> None:
        if not self._parts or self._features is not None:
            return
        whole = _joined(self._parts)[-round(_LONGEST_S * ENGINE_RATE_HZ) :]
        self._parts = [whole]
        self._features = self._features_of(whole)


def _joined(parts: Sequence[Samples]) -> Samples:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
