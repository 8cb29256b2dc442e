"""What was heard of a reply: ring positions ↔ samples of the reply ↔ words."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor


@dataclass(frozen=True, slots=True)
class PlayoutMark:
    """One word of a reply.

    Attributes:
        text_end: offset into the reply's text after the word.
        sample_start: where it begins to sound, in samples of the reply.
        sample_end: where it has sounded.
    """

    text_end: int
    sample_start: int
    sample_end: int


@dataclass(slots=True)
class _Segment:
    """A stretch of the ring that carries the reply from ``reply_start`` on."""

    ring_start: int
    reply_start: int
    ring_end: int | None = None  # set when the rest was flushed


class PlayoutLedger:
    """The account of one reply across rewinds and flushes.

    A reply is written to the ring in segments: the first one from sample 0, one more for each
    rewind. A flush closes the segment at the last position that will ever be audible.
    """

    def __init__(self, reply_rate_hz: int, ring_rate_hz: int) -> None:
        self._reply_rate_hz = reply_rate_hz
        self._ratio = reply_rate_hz / ring_rate_hz
        self._heard_before = 0  # on the device that was lost
        self._segments: list[_Segment] = []
        self._marks: list[PlayoutMark] = []
        self._n_begun = 0  # marks reported as begun

    def open(self, ring_position: int, reply_sample: int) -> None:
        """Note that the ring carries the reply from ``reply_sample`` on at ``ring_position``."""
        self._segments.append(_Segment(ring_position, reply_sample))

    def close(self, ring_position: int) -> None:
        """Note that of what was written nothing at or after ``ring_position`` will be heard."""
        if self._segments and self._segments[-1].ring_end is None:
            self._segments[-1].ring_end = max(ring_position, self._segments[-1].ring_start)

    def add_marks(self, marks: tuple[PlayoutMark, ...]) -> None:
        """Append words in order."""
        self._marks.extend(marks)

    def reply_sample(self, ring_position: int) -> int:
        """Return the samples of the reply before ``ring_position``, on the segment there."""
        for segment in reversed(self._segments):
            if ring_position >= segment.ring_start:
                return self._in_segment(segment, ring_position)
        return 0

    def heard(self, ring_position: int) -> int:
        """Return how many samples were heard at least once by ``ring_position``."""
        counts = [
            self._in_segment(segment, ring_position)
            for segment in self._segments
            if ring_position > segment.ring_start
        ]
        return max([self._heard_before, *counts])

    def moved_to(self, ring_rate_hz: int, heard: int) -> PlayoutLedger:
        """Return the account of the reply on another device, after ``heard`` samples on this."""
        moved = PlayoutLedger(self._reply_rate_hz, ring_rate_hz)
        moved._heard_before = heard
        moved._marks = self._marks
        moved._n_begun = self._n_begun
        return moved

    def ring_position(self, reply_sample: int) -> int | None:
        """Return the first ring position with ``reply_sample``; None: it was never written."""
        for segment in self._segments:
            if reply_sample < segment.reply_start:
                continue
            position = segment.ring_start + floor(
                (reply_sample - segment.reply_start) / self._ratio
            )
            if segment.ring_end is None or position < segment.ring_end:
                return position
        return None

    def word_start(self, reply_sample: int) -> int:
        """Return where the word at ``reply_sample`` begins; itself in between words."""
        for mark in self._marks:
            if mark.sample_start <= reply_sample < mark.sample_end:
                return mark.sample_start
        return reply_sample

    def text_end(self, heard_samples: int) -> int:
        """Return the offset after the last word that was heard to its end."""
        ends = (mark.text_end for mark in self._marks if mark.sample_end <= heard_samples)
        return max(ends, default=0)

    def newly_begun(self, heard_samples: int) -> list[PlayoutMark]:
        """Return the words that began to sound since the last call, each once."""
        begun: list[PlayoutMark] = []
        while self._n_begun < len(self._marks):
            mark = self._marks[self._n_begun]
            if mark.sample_start >= heard_samples:
                break
            begun.append(mark)
            self._n_begun += 1
        return begun

    def _in_segment(self, segment: _Segment, ring_position: int) -> int:
        end = ring_position if segment.ring_end is None else min(ring_position, segment.ring_end)
        return segment.reply_start + floor((end - segment.ring_start) * self._ratio)
