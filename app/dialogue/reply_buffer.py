"""Replies on their way from the model to the player.

A reply that was prepared early waits here until its turn is over; afterwards chunks pass straight
through. The text of a reply is kept until its playback is over.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from audio_io.playback import Player
from audio_io.playout import PlayoutMark
from model.events import SpeechChunk

PlayerCommand = Callable[[Player], object]
TellPlayer = Callable[[PlayerCommand], object]
"""Has the player obey: at once in virtual time, else in order on the thread that owns it."""


@dataclass(slots=True)
class BufferedReply:
    """Text and waiting sound of one generation."""

    generation: int
    text: str = ""
    waiting: list[SpeechChunk] = field(default_factory=list[SpeechChunk])
    is_released: bool = False
    is_started: bool = False
    is_complete: bool = False


class ReplyBuffer:
    """Replies by generation; bounded by what is live, prepared and not yet committed.

    Attributes:
        n_stale: texts and chunks that came for a reply nobody waits for.
    """

    def __init__(self, tell_player: TellPlayer) -> None:
        self._tell_player = tell_player
        self._replies: dict[int, BufferedReply] = {}
        self.n_stale = 0

    def open(self, generation: int) -> None:
        """Expect text and sound of ``generation``."""
        self._replies[generation] = BufferedReply(generation)

    def get(self, generation: int) -> BufferedReply | None:
        """Return a reply that is expected, waiting or being played."""
        return self._replies.get(generation)

    def add_text(self, generation: int, text: str) -> None:
        """Take more of a reply's text."""
        reply = self._replies.get(generation)
        if reply is None:
            self.n_stale += 1
        else:
            reply.text += text

    def add_chunk(self, chunk: SpeechChunk) -> bool:
        """Take sound; return whether it is a reply's first."""
        reply = self._replies.get(chunk.generation)
        if reply is None:
            self.n_stale += 1
            return False
        is_first = not reply.waiting and not reply.is_started
        reply.waiting.append(chunk)
        self._pass_on(reply)
        return is_first

    def complete(self, generation: int) -> None:
        """Note that the model has sent everything."""
        reply = self._replies.get(generation)
        if reply is not None:
            reply.is_complete = True
            self._pass_on(reply)

    def complete_all(self) -> None:
        """The model died: what has come of each reply is all there is."""
        for generation in tuple(self._replies):
            self.complete(generation)

    def release(self, generation: int) -> None:
        """Let the reply be heard from now on."""
        reply = self._replies.get(generation)
        if reply is not None:
            reply.is_released = True
            self._pass_on(reply)

    def drop(self, generation: int) -> None:
        """Play no more of it; one that was heard keeps its text until that is committed."""
        reply = self._replies.get(generation)
        if reply is None:
            return
        reply.waiting.clear()
        reply.is_complete = True
        if not reply.is_started:
            del self._replies[generation]

    def forget(self, generation: int) -> None:
        """Its playback is over."""
        self._replies.pop(generation, None)

    def _pass_on(self, reply: BufferedReply) -> None:
        if not reply.is_released:
            return
        for chunk in reply.waiting:
            self._play(reply, chunk)
        reply.waiting.clear()
        if reply.is_complete and reply.is_started:
            self._tell_player(lambda player: player.finish(reply.generation))

    def _play(self, reply: BufferedReply, chunk: SpeechChunk) -> None:
        if not reply.is_started:
            reply.is_started = True
            self._tell_player(lambda player: player.start_reply(reply.generation, chunk.rate_hz))
        marks = tuple(
            PlayoutMark(mark.text_end, mark.sample_start, mark.sample_end) for mark in chunk.marks
        )
        self._tell_player(
            lambda player: player.enqueue(
                chunk.samples, chunk.start, chunk.rate_hz, marks, reply.generation
            )
        )
