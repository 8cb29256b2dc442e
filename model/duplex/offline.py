"""A recording as the engine hears it: the capture front end, and a recogniser in virtual time.

Words arrive when the recogniser's computing time is over, so that whoever learns from recordings or
is scored on them meets the delays of a conversation.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from audio_io.aec import FRAME
from audio_io.capture import FrontEnd, SpeechEvent
from audio_io.events import SpeechEnded, SpeechStarted
from audio_io.frames import ENGINE_RATE_HZ, AudioFrame, Samples, UserFrame, frozen
from audio_io.interfaces import EchoCanceller, VoiceActivityDetector, WordSpotter
from model.cascade.turn_endings import Ending, EndingReader

_BATCH = 4  # frames a message to the recogniser, 40 ms
_LEAD_IN_S = 0.25  # audio the recogniser gets from before the detected onset
_MEMORY_FRAMES = 500  # 5 s: the longest hole that a turn that goes on can bridge
_EPS_S = 1e-6


class WordFollower(Protocol):
    """A streaming recogniser of one turn at a time."""

    @property
    def partial_text(self) -> str:
        """Return the words so far."""
        ...

    @property
    def end_s(self) -> float:
        """Return the end of the audio that ``partial_text`` covers."""
        ...

    def restart(self) -> None:
        """Begin another conversation: what was heard before leans it to no language."""
        ...

    def begin(self) -> None:
        """Begin a turn."""
        ...

    def hear(self, frame: AudioFrame) -> bool:
        """Take the next audio; return whether there is a new partial text."""
        ...

    def guess(self) -> str | None:
        """Return the final words if this pause were the end, once in each pause."""
        ...

    def ending(self) -> Ending | None:
        """Return how speech stopped by the latest guess or final words."""
        ...

    def finish(self) -> str:
        """Return the words of the turn."""
        ...


CancellerFactory = Callable[[], EchoCanceller]
VadFactory = Callable[[], VoiceActivityDetector]
RecognizerFactory = Callable[[], WordFollower]
SpotterFactory = Callable[[], WordSpotter | None]


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """Ten milliseconds of the user, and what the segmenter decided then."""

    user: UserFrame
    event: SpeechEvent | None


@dataclass(frozen=True, slots=True)
class Listening:
    """One recording, heard.

    Attributes:
        recognizer_s: CPU seconds spent on words.
        endings: what the recogniser told of pauses, each with the number of the frame at which it
            was there; frames carry what weights make of it.
    """

    frames: tuple[HeardFrame, ...]
    recognizer_s: float = 0.0
    endings: tuple[tuple[int, Ending], ...] = ()

    @property
    def seconds(self) -> float:
        """Return the length of the recording."""
        return len(self.frames) * FRAME / ENGINE_RATE_HZ

    def judged_by(self, reader: EndingReader) -> "Listening":
        """Return the same with what ``reader`` makes of the endings in the frames."""
        frames = list(self.frames)
        begins = [*(at for at, _ in self.endings), len(frames)]
        for (begin, ending), end in zip(self.endings, begins[1:], strict=True):
            evidence = reader.read(ending)
            for i in range(begin, end):
                frames[i] = replace(frames[i], user=replace(frames[i].user, ending=evidence))
        return replace(self, frames=tuple(frames))


class Listener:
    """Turns recordings into what the engine hears, one after the other with the same models.

    Args:
        canceller_factory: None: the microphone as it is, echo and all.
        pass_s: how late words are, so that runs repeat exactly; None: by what the recogniser took.
        endings: turns what the recogniser knows of a pause into evidence; None: nobody does.
    """

    def __init__(
        self,
        vad_factory: VadFactory,
        canceller_factory: CancellerFactory | None = None,
        recognizer_factory: RecognizerFactory | None = None,
        pass_s: float | None = None,
        spotter_factory: SpotterFactory | None = None,
        endings: EndingReader | None = None,
    ) -> None:
        self._endings = endings
        self._detector = vad_factory()
        self._spotter_factory = spotter_factory
        self._canceller_factory = canceller_factory
        self._recognizer = recognizer_factory() if recognizer_factory else None
        self._pass_s = pass_s

    def hear(self, mic: Samples, far: Samples | None = None, *, one_turn: bool = True) -> Listening:
        """Process a recording, (n,) at 16 kHz.

        Args:
            one_turn: all speech of the recording goes on with one transcript.
        """
        self._detector.reset()
        if self._recognizer is not None:
            self._recognizer.restart()
        canceller = self._canceller_factory() if self._canceller_factory else None
        words = _Words(self._recognizer, self._pass_s, one_turn=one_turn)
        frames: list[HeardFrame] = []
        spotter = self._spotter_factory() if self._spotter_factory else None
        front_end = FrontEnd(canceller, self._detector, spotter=spotter)
        for user, event in front_end.process_recording(mic, far):
            words.take(user.for_words, event)
            said = replace(user, partial_text=words.text, partial_at_s=words.at_s)
            frames.append(HeardFrame(said, event))
        listening = Listening(tuple(frames), words.spent_s, tuple(words.endings))
        return listening if self._endings is None else listening.judged_by(self._endings)


class _Words:
    """The recogniser in virtual time: one pass after another, each result late by its cost."""

    def __init__(
        self, follower: WordFollower | None, pass_s: float | None, *, one_turn: bool
    ) -> None:
        self._follower = follower
        self._one_turn = one_turn
        self._pass_s = pass_s
        self._memory: deque[AudioFrame] = deque(maxlen=_MEMORY_FRAMES)
        self._sent_until = 0
        self._n_frames = 0
        self._unsent: list[AudioFrame] = []
        self._is_open = False
        self._has_begun = False
        self._free_at_s = 0.0
        self._coming: deque[tuple[float, str, float, Ending | None]] = deque()
        self.endings: list[tuple[int, Ending]] = []
        self.text = ""
        self.at_s = 0.0
        self.spent_s = 0.0

    def take(self, frame: AudioFrame, event: SpeechEvent | None) -> None:
        follower, now_s = self._follower, frame.end_s
        if follower is None:
            return
        self._memory.append(frame)
        self._n_frames += 1
        if isinstance(event, SpeechStarted):
            self._open(follower, event.onset_s)
        elif self._is_open:
            self._unsent.append(frame)
        is_over = isinstance(event, SpeechEnded) and self._is_open
        if self._unsent and (is_over or len(self._unsent) >= _BATCH):
            samples = np.concatenate([frame.samples for frame in self._unsent])
            message = AudioFrame(frozen(samples), self._unsent[0].start)
            self._unsent = []
            self._sent_until = message.end
            self._run(lambda: follower.partial_text if follower.hear(message) else None, now_s)
            if not is_over:
                self._run(follower.guess, now_s, of_pause=True)
        if is_over:
            self._is_open = False
            self._run(follower.finish, now_s, of_pause=True)
        while self._coming and self._coming[0][0] <= now_s:
            _, self.text, self.at_s, ending = self._coming.popleft()
            if ending is not None:
                self.endings.append((self._n_frames - 1, ending))

    def _open(self, follower: WordFollower, onset_s: float) -> None:
        begin_s = self._sent_until / ENGINE_RATE_HZ  # a turn that goes on has no hole
        if not self._has_begun or not self._one_turn:
            follower.begin()
            self._coming.clear()
            self.text, self.at_s = "", 0.0
            begin_s = onset_s - _LEAD_IN_S
        self._has_begun = self._is_open = True
        self._unsent = [f for f in self._memory if f.start_s >= begin_s - _EPS_S]

    def _run(self, work: Callable[[], str | None], now_s: float, *, of_pause: bool = False) -> None:
        assert self._follower is not None
        begun_s = time.thread_time()
        text = work()
        cost_s = time.thread_time() - begun_s
        self.spent_s += cost_s
        if self._pass_s is not None:
            cost_s = 0.0 if text is None else self._pass_s
        self._free_at_s = max(self._free_at_s, now_s) + cost_s
        if text is not None:
            ending = self._follower.ending() if of_pause else None
            self._coming.append((self._free_at_s, text, self._follower.end_s, ending))
