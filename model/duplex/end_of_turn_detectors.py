"""What the slow judges think of a pause: Smart Turn of its sound, a text head of its words.

Asks each of them seldom and remembers the answers; both may be missing. Decides nothing.

Two scores of one pause: the network's, and that of a speech model that hears the turn itself.

Pure; knows neither of them.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples
from model.duplex.smart_turn import N_WINDOW, TurnClassifier
from model.duplex.voice_tracker import Stretch
from model.types import NO_SCORE

_WEIGHT = 0.5  # both hear the same pause: what they share must not count twice
_P_CLIP = 0.02  # keeps one overconfident score from deciding alone


def with_model_score(p_end: float, score: float) -> float:
    """The network's ``p_end`` in the light of the model's ``score``; odds are multiplied."""
    if score == NO_SCORE or not 0.0 < p_end < 1.0:
        return p_end
    clipped = min(max(score, _P_CLIP), 1.0 - _P_CLIP)
    odds_log = math.log(p_end / (1.0 - p_end)) + _WEIGHT * math.log(clipped / (1.0 - clipped))
    return 1.0 / (1.0 + math.exp(-odds_log))


ASK_AFTER_MS = (200.0, 450.0, 900.0)
"""Silences at which the sound is judged."""
READ_AFTER_MS = 150.0
"""Silence from which the words are read; before it most partial transcripts are outrun by voice."""

_LEAD_S = 0.5  # audio kept from before the first voice: Smart Turn was trained with it
_LOGIT_CLIP = 0.01  # keeps one overconfident score from deciding alone


class UtteranceScorer(Protocol):
    """Opinion on a partial transcript."""

    @property
    def last_inference_s(self) -> float:
        """Wall seconds of the latest call of ``logit``."""
        ...

    def logit(self, text: str) -> float | None:
        """Log-odds that the user's utterance is complete here; None where it cannot tell."""
        ...


def logit(p: float) -> float:
    clipped = min(max(p, _LOGIT_CLIP), 1.0 - _LOGIT_CLIP)
    return math.log(clipped / (1.0 - clipped))


class TurnAudio:
    """The open turn's sound: from half a second before its first voice, at most the last 8 s."""

    def __init__(self) -> None:
        self._samples = np.zeros(2 * N_WINDOW, np.float32)
        self.restart()

    def restart(self) -> None:
        """Another stream: no lead either."""
        self._n = 0
        self._begin = 0

    def push(self, samples: Samples) -> None:
        if self._n + len(samples) > len(self._samples):
            kept = N_WINDOW
            self._samples[:kept] = self._samples[self._n - kept : self._n]
            self._begin = max(0, self._begin - (self._n - kept))
            self._n = kept
        self._samples[self._n : self._n + len(samples)] = samples
        self._n += len(samples)

    def begin_turn(self) -> None:
        """The first voice was just pushed."""
        self._begin = max(0, self._n - int(_LEAD_S * ENGINE_RATE_HZ))

    def turn(self) -> Samples:
        """A view, valid until the next push."""
        return self._samples[max(self._begin, self._n - N_WINDOW) : self._n]


class EndOfTurnDetectors:
    """Asks the judges as a pause goes on.

    Attributes:
        of_sound: a logit for each of ``ASK_AFTER_MS``; None where not asked (yet).
        of_text: the text head's logit; None where there are no words to judge.
        last_sound_s: wall seconds that judging the sound took in the latest step...
        last_text_s: ...and reading the words.
        n_asked: how often one of them was asked.
    """

    def __init__(self, classifier: TurnClassifier | None, reader: UtteranceScorer | None) -> None:
        self._classifier = classifier
        self._reader = reader
        self._audio = TurnAudio()
        self._sound: Stretch | None = None
        self.n_asked = 0
        self.restart()

    def restart(self) -> None:
        """Another stream."""
        self._audio.restart()
        self._sound = None
        self.last_sound_s = self.last_text_s = 0.0
        self.forget()

    def forget(self) -> None:
        """The pause is over."""
        self.of_sound: list[float | None] = [None] * len(ASK_AFTER_MS)
        self.of_text: float | None = None
        self._read_text = ""

    def hear(self, frame: AudioFrame, sound: Stretch | None, *, is_voice: bool) -> None:
        """Takes 10 ms; ``sound`` is the turn from its first voice on."""
        self.last_sound_s = self.last_text_s = 0.0
        self._audio.push(frame.samples)
        if sound is not None and sound is not self._sound:
            self._audio.begin_turn()
        self._sound = sound
        if is_voice or sound is None:
            self.forget()

    def ask_sound(self, silence_ms: float) -> None:
        """Runs the network when the silence passes the next mark (about 0.06 s on one core)."""
        due = sum(silence_ms >= after - 1e-6 for after in ASK_AFTER_MS)
        if self._classifier is None or due == 0 or self.of_sound[due - 1] is not None:
            return
        self.of_sound[due - 1] = logit(self._classifier.p_complete(self._audio.turn()))
        self.last_sound_s = self._classifier.last_inference_s
        self.n_asked += 1

    def read_text(self, silence_ms: float, text: str) -> None:
        """Reads ``text``, which covers the last voice; only when it changed (10 ms a word)."""
        if self._reader is None or silence_ms < READ_AFTER_MS or text in ("", self._read_text):
            return
        self._read_text = text
        self.of_text = self._reader.logit(text)
        self.last_text_s = self._reader.last_inference_s
        self.n_asked += 1
