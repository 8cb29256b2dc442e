"""What the model hears of the user: a lead-in, the open turn, nothing else."""

from collections import deque
from collections.abc import Callable

import numpy as np

from audio_io.frames import AudioFrame, frozen
from model.requests import BeginTurn, FinishTurn, ForgetTurn, Hear, ModelRequest
from model.types import TurnContext, TurnKey

_MEMORY_FRAMES = 500  # 5 s of 10 ms frames: the longest hole a reopened turn can bridge
_LEAD_IN_S = 0.25  # before the detected onset: soft consonants start below the threshold
_LEAD_IN_BY_HAND_S = 0.5  # people press the key a little late
_BATCH_FRAMES = 4  # 40 ms a message


class TurnAudioFeed:
    """Sends the user's audio of the open turn to the model.

    It keeps a few seconds of clean audio, so that a turn begins before its detection and a reopened
    one has no hole.
    """

    def __init__(self, send: Callable[[ModelRequest], None]) -> None:
        self._send = send
        self._memory: deque[AudioFrame] = deque(maxlen=_MEMORY_FRAMES)
        self._unsent: list[AudioFrame] = []
        self._sent_until = 0
        self._turn: TurnKey | None = None
        self._is_open = False

    def feed(self, frame: AudioFrame) -> None:
        """Take the next 10 ms."""
        self._memory.append(frame)
        if self._is_open:
            self._unsent.append(frame)
            if len(self._unsent) >= _BATCH_FRAMES:
                self._flush()

    def open(self, key: TurnKey, context: TurnContext, onset_s: float | None) -> None:
        """Begin a turn at ``onset_s``, or go on with a paused one from where it stopped."""
        self._flush()
        is_same_turn = self._turn is not None and self._turn.turn == key.turn
        self._turn = key
        self._is_open = True
        self._send(BeginTurn(key, context))
        if is_same_turn:
            begin = self._sent_until
        else:
            now = self._memory[-1].end if self._memory else 0
            rate_hz = self._memory[-1].rate_hz if self._memory else 1
            lead_s = _LEAD_IN_BY_HAND_S if onset_s is None else _LEAD_IN_S
            begin = (now if onset_s is None else round(onset_s * rate_hz)) - round(lead_s * rate_hz)
        self._unsent = [frame for frame in self._memory if frame.start >= begin]
        self._flush()

    def finish(self, key: TurnKey) -> None:
        """Ask for the words so far: the user paused."""
        if self._turn != key:
            return
        self._flush()
        self._is_open = False
        self._send(FinishTurn(key))

    def forget(self, key: TurnKey) -> None:
        """Have the model drop what was no turn."""
        if self._turn is not None and self._turn.turn == key.turn:
            self._unsent.clear()
            self._is_open = False
            self._turn = None
        self._send(ForgetTurn(key))

    def _flush(self) -> None:
        if not self._unsent:
            return
        first = self._unsent[0]
        samples = np.concatenate([frame.samples for frame in self._unsent])
        self._sent_until = self._unsent[-1].end
        self._unsent = []
        self._send(Hear(AudioFrame(frozen(samples), first.start, first.rate_hz)))
