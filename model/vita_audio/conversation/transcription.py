"""The user's words beside an end-to-end model, written down on another thread: for captions, the
history and the duplex predictor.

The speech model answers from the audio and does not wait for them.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Protocol

from audio_io.frames import AudioFrame
from model.events import TranscriptPartial, TurnTranscribed
from model.types import TurnKey

logger = logging.getLogger(__name__)

_MOST_WAITING = 64  # frames not yet taken by a slow recogniser: 2.5 s of 40 ms
_SHORT_WORDS = 3  # so few may be "stop", "wait" or "mm-hm", and what is done depends on them
_SHORT_WAIT_S = 1.0


class Recognizer(Protocol):
    """A recogniser of speech that hears one turn at a time, on one thread."""

    @property
    def end_s(self) -> float:
        """End of the audio it has heard, in seconds on the microphone's clock."""
        ...

    @property
    def partial_text(self) -> str:
        """Words so far of the open turn."""
        ...

    @property
    def language(self) -> str:
        """Language of the words."""
        ...

    def begin(self) -> None:
        """Forget what was heard: another turn begins."""
        ...

    def hear(self, frame: AudioFrame) -> bool:
        """Take a frame; return whether ``partial_text`` has changed."""
        ...

    def finish(self) -> str:
        """Return the final words of what was heard."""
        ...


@dataclass(frozen=True, slots=True)
class _Written:
    key: TurnKey
    text: str
    language: str


class Transcription:
    """The words of the open turn. All methods run on the model's thread.

    Only ``words_of_short_turn`` and ``last_words`` wait, and ``hear`` where the recogniser is
    2.5 s behind.

    Args:
        recognizer: None: nothing is ever written down.
        pool: of one thread; work is done in order.
        clock: seconds; measures what the final pass took.
    """

    def __init__(
        self, recognizer: Recognizer | None, pool: Executor, clock: Callable[[], float]
    ) -> None:
        self._recognizer = recognizer
        self._pool = pool
        self._clock = clock
        self._turn = 0
        self._waiting: list[Future[TranscriptPartial | None]] = []
        self._final: Future[_Written] | None = None
        self._older: Future[_Written] | None = None  # of the turn before, not told yet
        self._asked_at = 0.0
        self._partial = ""

    def begin(self, turn: int) -> None:
        """Begin another turn: the one before is forgotten, unless its words are still owed."""
        self._turn = turn
        self._partial = ""
        self._older, self._final = self._final, None
        if self._older is None:
            for job in self._waiting:
                job.cancel()
        self._waiting.clear()
        if self._recognizer is not None:
            self._pool.submit(self._recognizer.begin)

    def hear(self, frame: AudioFrame) -> tuple[TranscriptPartial, ...]:
        """Hand audio on; return the newest partial transcript that is ready, if it is news."""
        if self._recognizer is None:
            return ()
        self._waiting.append(self._pool.submit(_follow, self._recognizer, self._turn, frame))
        news: TranscriptPartial | None = None
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > _MOST_WAITING):
            news = self._waiting.pop(0).result() or news
        if news is None:
            return ()
        self._partial = news.text
        return (news,)

    def finish(self, key: TurnKey) -> None:
        """Begin the final pass: the user has paused."""
        if self._recognizer is not None:
            self._asked_at = self._clock()
            self._final = self._pool.submit(_finish, self._recognizer, key)

    def of_turn_before(self) -> TurnTranscribed | None:
        """Return the words of a turn whose answer was cut before they came; told once."""
        older, self._older = self._older, None
        return self._written(older.result()) if older is not None and older.done() else None

    def words_of_short_turn(self) -> TurnTranscribed | None:
        """Wait for the words of a short turn: what they are decides what is done with it.

        Returns None where the turn is long enough to be answered from the audio.
        """
        if len(self._partial.split()) > _SHORT_WORDS:
            return self.ready()
        try:
            return self._told(_SHORT_WAIT_S)
        except FutureTimeout:
            logger.info("the words of a short turn took more than %s s", _SHORT_WAIT_S)
            return None

    def ready(self) -> TurnTranscribed | None:
        """Return the final words as soon as they are there; told once."""
        return self._told(0.0) if self._final is not None and self._final.done() else None

    def last_words(self) -> TurnTranscribed | None:
        """Wait for the final words a little: the reply is over, nobody will ask again."""
        try:
            return self._told(_SHORT_WAIT_S)
        except FutureTimeout:
            logger.info("the words of a turn came later than its answer and are not kept")
            return None

    def _told(self, wait_s: float) -> TurnTranscribed | None:
        if self._final is None:
            return None
        written = self._final.result(timeout=wait_s)
        self._final = None
        return self._written(written)

    def _written(self, written: _Written) -> TurnTranscribed:
        spent_s = self._clock() - self._asked_at
        return TurnTranscribed(written.key, written.text, written.language, spent_s)


def _follow(recognizer: Recognizer, turn: int, frame: AudioFrame) -> TranscriptPartial | None:
    if not recognizer.hear(frame):
        return None
    return TranscriptPartial(turn, recognizer.partial_text, recognizer.end_s)


def _finish(recognizer: Recognizer, key: TurnKey) -> _Written:
    return _Written(key, recognizer.finish(), recognizer.language)
