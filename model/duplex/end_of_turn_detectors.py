"""The slow end-of-turn detectors of a pause: Smart Turn hears its sound, a text head its words.

Each is asked seldom and its score is remembered; either may be missing.
"""

import math
from typing import Protocol

import numpy as np

from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples
from model.duplex.policy import ASK_SOUND_AFTER_MS, READ_WORDS_AFTER_MS
from model.duplex.smart_turn import N_WINDOW, TurnClassifier
from model.duplex.text_turn_detector import State
from model.duplex.voice_tracker import Stretch

_LEAD_S = 0.5  # audio kept from before the first voice: Smart Turn was trained with it
_LOGIT_CLIP = 0.01  # keeps one overconfident score from deciding alone


class UtteranceScorer(Protocol):
    """Scores a partial transcript."""

    @property
    def last_inference_s(self) -> float:
        """Return the wall seconds of the latest call of ``logit``."""
        ...

    def logit(self, text: str) -> float | None:
        """Return the log-odds that the utterance is complete here; None where it cannot tell."""
        ...

    def state(self, text: str) -> State | None:
        """Return what it makes of ``text``, free after ``logit``; None where it has no states."""
        ...


def logit(p: float) -> float:
    """Return the log-odds of a detector's probability, clipped at 0.01 and 0.99."""
    clipped = min(max(p, _LOGIT_CLIP), 1.0 - _LOGIT_CLIP)
    return math.log(clipped / (1.0 - clipped))


class TurnAudio:
    """The sound of the open turn from 0.5 s before its first voice, at most the last 8 s."""

    def __init__(self) -> None:
        self._samples = np.zeros(2 * N_WINDOW, np.float32)
        self.restart()

    def restart(self) -> None:
        """Start over for another stream, without a lead."""
        self._n = 0
        self._begin = 0

    def push(self, samples: Samples) -> None:
        """Append float32 (n,) at 16 kHz."""
        if self._n + len(samples) > len(self._samples):
            kept = N_WINDOW
            self._samples[:kept] = self._samples[self._n - kept : self._n]
            self._begin = max(0, self._begin - (self._n - kept))
            self._n = kept
        self._samples[self._n : self._n + len(samples)] = samples
        self._n += len(samples)

    def begin_turn(self) -> None:
        """Note that the first voice of a turn was just pushed."""
        self._begin = max(0, self._n - int(_LEAD_S * ENGINE_RATE_HZ))

    def turn(self) -> Samples:
        """Return a view of the turn, valid until the next push."""
        return self._samples[max(self._begin, self._n - N_WINDOW) : self._n]


class EndOfTurnDetectors:
    """Asks the detectors as a pause goes on.

    Attributes:
        sound_logits: one for each of ``ASK_SOUND_AFTER_MS``; None where not asked (yet).
        text_logit: of the text head; None where there are no words to read.
        text_state: of its language model, likewise.
        last_sound_s: wall seconds that hearing the sound took in the latest step...
        last_text_s: ...and reading the words.
        n_asked: how often one of them was asked.
    """

    def __init__(self, classifier: TurnClassifier | None, scorer: UtteranceScorer | None) -> None:
        self._classifier = classifier
        self._scorer = scorer
        self._audio = TurnAudio()
        self._sound: Stretch | None = None
        self.n_asked = 0
        self.restart()

    def restart(self) -> None:
        """Start over for another stream."""
        self._audio.restart()
        self._sound = None
        self.last_sound_s = self.last_text_s = 0.0
        self.forget()

    def forget(self) -> None:
        """Forget the scores: the pause is over."""
        self.sound_logits: list[float | None] = [None] * len(ASK_SOUND_AFTER_MS)
        self.text_logit: float | None = None
        self.text_state: State | None = None
        self._read_text = ""

    def hear(self, frame: AudioFrame, sound: Stretch | None, *, is_voice: bool) -> None:
        """Take 10 ms; ``sound`` is the turn from its first voice on."""
        self.last_sound_s = self.last_text_s = 0.0
        self._audio.push(frame.samples)
        if sound is not None and sound is not self._sound:
            self._audio.begin_turn()
        self._sound = sound
        if is_voice or sound is None:
            self.forget()

    def ask_sound(self, silence_ms: float) -> None:
        """Run Smart Turn when the silence passes the next mark (about 0.06 s on one core)."""
        due = sum(silence_ms >= after - 1e-6 for after in ASK_SOUND_AFTER_MS)
        if self._classifier is None or due == 0 or self.sound_logits[due - 1] is not None:
            return
        self.sound_logits[due - 1] = logit(self._classifier.p_complete(self._audio.turn()))
        self.last_sound_s = self._classifier.last_inference_s
        self.n_asked += 1

    def read_text(self, silence_ms: float, text: str) -> None:
        """Read ``text``, which covers the last voice, where it changed (10 ms a word)."""
        if self._scorer is None or silence_ms < READ_WORDS_AFTER_MS:
            return
        if text in ("", self._read_text):
            return
        self._read_text = text
        self.text_logit = self._scorer.logit(text)
        self.text_state = self._scorer.state(text)
        self.last_text_s = self._scorer.last_inference_s
        self.n_asked += 1
