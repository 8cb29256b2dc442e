"""Replies on their way from the model to the loudspeaker.

A reply that was prepared early waits here until its turn is over; afterwards chunks pass straight
through. Remembers the text of a reply until it is committed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.dialogue.audio_output import AudioOutput
from audio_io.playout import PlayoutMark
from model.events import SpeechChunk
from model.types import TurnKey


@dataclass(slots=True)
class BufferedReply:
    """One generation's text and waiting sound."""

    generation: int
    key: TurnKey
    text: str = ""
    waiting: list[SpeechChunk] = field(default_factory=list[SpeechChunk])
    is_released: bool = False
    is_started: bool = False
    is_complete: bool = False
    first_spans: dict[str, float] = field(default_factory=dict[str, float])


class ReplyBuffer:
    """Generations by number; bounded by what is live, prepared and not yet committed."""

    def __init__(self, loudspeaker: AudioOutput) -> None:
        self._loudspeaker = loudspeaker
        self._replies: dict[int, BufferedReply] = {}
        self.n_stale = 0

    def open(self, generation: int, key: TurnKey) -> None:
        """Expects text and sound of ``generation``."""
        self._replies[generation] = BufferedReply(generation, key)

    def get(self, generation: int) -> BufferedReply | None:
        return self._replies.get(generation)

    def add_text(self, generation: int, text: str) -> None:
        reply = self._replies.get(generation)
        if reply is None:
            self.n_stale += 1
        else:
            reply.text += text

    def add_chunk(self, chunk: SpeechChunk) -> bool:
        """Takes sound; returns True for a reply's first chunk. Stale ones are counted, dropped."""
        reply = self._replies.get(chunk.generation)
        if reply is None:
            self.n_stale += 1
            return False
        is_first = not reply.waiting and not reply.is_started
        if is_first:
            reply.first_spans = dict(chunk.spans)
        reply.waiting.append(chunk)
        if reply.is_released:
            self._pass_on(reply)
        return is_first

    def complete(self, generation: int) -> None:
        """The model has sent everything."""
        reply = self._replies.get(generation)
        if reply is not None:
            reply.is_complete = True
            if reply.is_released:
                self._pass_on(reply)

    def complete_all(self) -> None:
        """The model died: what has come of each reply is all there is."""
        for generation in tuple(self._replies):
            self.complete(generation)

    def release(self, generation: int) -> None:
        """From now on it may be heard."""
        reply = self._replies.get(generation)
        if reply is not None:
            reply.is_released = True
            self._pass_on(reply)

    def drop(self, generation: int) -> None:
        """No more of it goes to the loudspeaker; a released one keeps its text until committed."""
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
        for chunk in reply.waiting:
            if not reply.is_started:
                reply.is_started = True
                self._loudspeaker.start_reply(reply.generation, chunk.rate_hz)
            marks = tuple(
                PlayoutMark(mark.text_end, mark.sample_start, mark.sample_end)
                for mark in chunk.marks
            )
            self._loudspeaker.enqueue(
                chunk.samples, chunk.start, chunk.rate_hz, marks, reply.generation
            )
        reply.waiting.clear()
        if reply.is_complete and reply.is_started:
            self._loudspeaker.finish(reply.generation)
