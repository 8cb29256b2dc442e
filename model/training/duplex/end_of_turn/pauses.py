"""Every pause of a recorded turn, with all that is known 0.1 s into it and what came of it.

The recording goes through the front end of the engine, its words through the recogniser of the
engine; what is slow is done once and kept.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from audio_io.aec import WebRtcEchoCanceller
from audio_io.capture import FrontEnd
from audio_io.events import SpeechStarted
from audio_io.frames import AudioFrame, Samples, frozen
from audio_io.interfaces import VoiceActivityDetector
from model.cascade.turn_endings import Ending
from model.duplex.end_of_turn.numbers import TurnNumbers, turn_numbers
from model.duplex.policy import log_odds
from model.duplex.text_evidence import GrammarScorer
from model.duplex.voice_tracker import VoiceTracker
from model.types import AgentState

ASKED_AFTER_MS = 100.0
_LEAD_IN_S = 0.25
_KEPT_S = 2.0  # of sound before the question
_BATCH = 4  # frames

Array = npt.NDArray[np.float32]
States = Callable[[str], Array | None]


class EndingFollower(Protocol):
    """A recogniser that tells how speech stopped."""

    def begin(self) -> None:
        """Begin a turn."""
        ...

    def restart(self) -> None:
        """Begin another conversation."""
        ...

    def hear(self, frame: AudioFrame) -> bool:
        """Take audio."""
        ...

    def finish(self) -> str:
        """Return the words so far."""
        ...

    def ending(self) -> Ending | None:
        """Return how the speech stopped by the latest ``finish``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Pause:
    """A silence of at least 0.1 s after the user's voice.

    Attributes:
        start_s: end of the voice.
        seconds: until the voice returns; infinite where it does not.
        numbers: of the turn up to here.
        sound: the last 2 s heard, float32 (n,).
        ending: of the recogniser, None where it heard no words.
        state: of the language model after ``text``.
    """

    start_s: float
    seconds: float
    numbers: TurnNumbers
    sound: Samples
    text: str
    ending: Ending | None
    state: Array | None


@dataclass(slots=True)
class _Open:
    start_s: float
    numbers: TurnNumbers
    sound: Samples
    text: str
    ending: Ending | None


class PauseFinder:
    """Finds the pauses of recordings, one after the other with the same models."""

    def __init__(
        self,
        detector: VoiceActivityDetector,
        recognizer: EndingFollower,
        states: States,
        grammar: GrammarScorer,
    ) -> None:
        self._grammar = grammar
        self._detector = detector
        self._recognizer = recognizer
        self._states = states

    def pauses(self, mic: Samples) -> Iterator[Pause]:
        """Yield the pauses of one turn, ``mic`` float32 (n,) at 16 kHz."""
        found: list[_Open] = []
        returns: list[float] = []
        for open_, voice_at_s in self._walk(mic):
            if open_ is not None:
                found.append(open_)
                returns.append(np.inf)
            elif found and returns[-1] == np.inf:
                returns[-1] = voice_at_s
        for it, at_s in zip(found, returns, strict=True):
            state = self._states(it.text) if it.text else None
            yield Pause(
                it.start_s, at_s - it.start_s, it.numbers, it.sound, it.text, it.ending, state
            )

    def _walk(self, mic: Samples) -> Iterator[tuple[_Open | None, float]]:
        """Yield pauses as they are 0.1 s old, and the begin of every voice."""
        self._detector.reset()
        self._recognizer.restart()
        tracker, feed = VoiceTracker(), _Feed(self._recognizer)
        sound: deque[Samples] = deque(maxlen=round(_KEPT_S * 100))
        is_asked, was_voice = True, False
        for user, event in FrontEnd(WebRtcEchoCanceller(), self._detector).process_recording(mic):
            tracker.hear(user, AgentState())
            feed.take(user.for_words, event.onset_s if isinstance(event, SpeechStarted) else None)
            sound.append(user.clean.samples)
            if tracker.is_voice and not was_voice:
                yield None, user.clean.start_s
            was_voice = tracker.is_voice
            is_asked = is_asked and not was_voice
            turn = tracker.turn
            if turn is None or is_asked:
                continue
            if turn.silence_ms(user.clean.end_s) >= ASKED_AFTER_MS - 1e-6:
                is_asked = True
                text, ending = feed.ask()
                kept = frozen(np.concatenate(sound))
                numbers = turn_numbers(turn, self._log_odds(text))
                yield _Open(turn.last_voice_s, numbers, kept, text, ending), 0.0

    def _log_odds(self, text: str) -> float:
        """As the predictor reads the words."""
        return log_odds(self._grammar.score(text).score) if text else 0.0


class _Feed:
    """The open turn on its way to the recogniser, from before its detected onset."""

    def __init__(self, recognizer: EndingFollower) -> None:
        self._recognizer = recognizer
        self._memory: deque[AudioFrame] = deque(maxlen=round(_LEAD_IN_S * 100) + 20)
        self._unsent: list[AudioFrame] = []
        self._is_open = False

    def take(self, frame: AudioFrame, onset_s: float | None) -> None:
        self._memory.append(frame)
        if self._is_open:
            self._unsent.append(frame)
        elif onset_s is not None:
            self._recognizer.begin()
            self._is_open = True
            self._unsent = [f for f in self._memory if f.start_s >= onset_s - _LEAD_IN_S]
        if len(self._unsent) >= _BATCH:
            self._flush()

    def ask(self) -> tuple[str, Ending | None]:
        if not self._is_open:
            return "", None
        self._flush()
        return self._recognizer.finish(), self._recognizer.ending()

    def _flush(self) -> None:
        if self._unsent:
            samples = np.concatenate([frame.samples for frame in self._unsent])
            self._recognizer.hear(AudioFrame(frozen(samples), self._unsent[0].start))
            self._unsent = []
