"""What the dialogue may ask of the loudspeaker: the commands of ``audio_io.playback.Player``.

The player itself obeys in virtual time; a queue in front of it where it has its own thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from audio_io.frames import Samples
from audio_io.playout import PlayoutMark


class AudioOutput(Protocol):
    """One reply at a time; see ``Player`` for what each command means."""

    def start_reply(self, generation: int, rate_hz: int) -> None: ...
    def enqueue(
        self,
        samples: Samples,
        start: int,
        rate_hz: int,
        marks: tuple[PlayoutMark, ...],
        generation: int,
    ) -> object: ...
    def finish(self, generation: int) -> None: ...
    def duck(self, gain_db: float, ramp_ms: float) -> None: ...
    def hold(self, ramp_ms: float) -> None: ...
    def resume(self, ramp_ms: float) -> None: ...
    def fade_and_flush(self, ramp_ms: float) -> None: ...
    def hard_flush(self) -> None: ...


class QueuedAudioOutput:
    """Posts each command to the thread that owns the player; order is kept."""

    def __init__(self, player: AudioOutput, post: Callable[[Callable[[], object]], None]) -> None:
        self._player = player
        self._post = post

    def start_reply(self, generation: int, rate_hz: int) -> None:
        self._post(partial(self._player.start_reply, generation, rate_hz))

    def enqueue(
        self,
        samples: Samples,
        start: int,
        rate_hz: int,
        marks: tuple[PlayoutMark, ...],
        generation: int,
    ) -> None:
        self._post(partial(self._player.enqueue, samples, start, rate_hz, marks, generation))

    def finish(self, generation: int) -> None:
        self._post(partial(self._player.finish, generation))

    def duck(self, gain_db: float, ramp_ms: float) -> None:
        self._post(partial(self._player.duck, gain_db, ramp_ms))

    def hold(self, ramp_ms: float) -> None:
        self._post(partial(self._player.hold, ramp_ms))

    def resume(self, ramp_ms: float) -> None:
        self._post(partial(self._player.resume, ramp_ms))

    def fade_and_flush(self, ramp_ms: float) -> None:
        self._post(partial(self._player.fade_and_flush, ramp_ms))

    def hard_flush(self) -> None:
        self._post(self._player.hard_flush)
