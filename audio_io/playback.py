"""The loudspeaker's side: fill the ring, duck, hold, resume, cut, and tell what was heard.

Pumped by whoever owns the playback thread, or by a virtual clock.
"""

import sys
from enum import Enum, auto

import numpy as np

from audio_io.buffer_policy import BufferLimits, BufferPolicy
from audio_io.events import (
    AudioEvent,
    PlaybackEnded,
    PlaybackProgressed,
    PlaybackStarted,
    PlayoutReport,
)
from audio_io.frames import Samples
from audio_io.playout import PlayoutLedger, PlayoutMark
from audio_io.renderer import OutputRenderer
from audio_io.reply_audio import ReplyAudio

TARGET_DEPTH_MS = 160.0  # sound kept ready in the ring, at least
_LIMITS = BufferLimits(TARGET_DEPTH_MS, 320.0, n_xruns=1)  # the ring holds 400 ms
_DECLICK_MS = 8.0  # shortest ramp from and to silence
_MAX_REPEAT_MS = 300.0  # how much a resumed reply may say twice


class _Phase(Enum):
    PLAYING = auto()
    HELD = auto()  # fading out or parked, to be resumed
    CUTTING = auto()  # fading out, to be flushed
    ENDING = auto()  # flushed; the device still plays what it has taken


class Player:
    """The owner of the renderer's writing side, one reply at a time.

    Events carry times of the microphone's clock, derived from the ``now_s`` given to ``pump``: the
    time at which the last rendered block ends, device latency not included.

    Attributes:
        n_stale: chunks refused because their reply is not the one being played.
    """

    def __init__(self, renderer: OutputRenderer, output_latency_s: float) -> None:
        self.n_stale = 0
        self._volume = np.float32(1.0)
        self._reply: ReplyAudio | None = None
        self._ledger = PlayoutLedger(renderer.rate_hz, renderer.rate_hz)
        self._phase = _Phase.PLAYING
        self._has_started = False
        self._events: list[AudioEvent] = []
        self._now_s = 0.0
        self._depth_policy = BufferPolicy(_LIMITS)
        self._has_more = False  # was ready when the ring was last filled
        self._bind(renderer, output_latency_s)

    def attach(self, renderer: OutputRenderer, output_latency_s: float) -> None:
        """Go on with another device from the last word heard (the old device is gone)."""
        reply, heard = self._reply, self._heard()
        is_cut = self._phase in (_Phase.CUTTING, _Phase.ENDING)
        if reply is not None and is_cut:
            self._end(heard, is_estimate=True)
            reply = None
        self._bind(renderer, output_latency_s)
        if reply is None:
            return
        reply.move_to(renderer.rate_hz)
        self._ledger = self._ledger.moved_to(renderer.rate_hz, heard)
        self._resume_at = max(self._ledger.word_start(heard), heard - self._max_repeat(reply))
        if self._phase is _Phase.HELD:
            renderer.hold(_DECLICK_MS)

    def start_reply(self, generation: int, rate_hz: int) -> None:
        """Make ``generation`` the reply being played; an unfinished one is ended on the spot."""
        if self._reply is not None:
            self.hard_flush()
        self._reply = ReplyAudio(generation, rate_hz, self._renderer.rate_hz)
        self._ledger = PlayoutLedger(rate_hz, self._renderer.rate_hz)
        self._phase = _Phase.PLAYING
        self._has_started = False
        self._is_open = False
        self._resume_at = 0
        self._ducked_at = None
        if not self._must_flush:
            self._renderer.release(1.0, _DECLICK_MS)

    def enqueue(
        self,
        samples: Samples,
        start: int,
        rate_hz: int,
        marks: tuple[PlayoutMark, ...],
        generation: int,
    ) -> bool:
        """Add a chunk; return False (and count it) when its reply is over."""
        reply = self._reply
        is_welcome = reply is not None and self._phase in (_Phase.PLAYING, _Phase.HELD)
        if reply is None or not is_welcome or reply.generation != generation:
            self.n_stale += 1
            return False
        if rate_hz != reply.rate_hz:
            raise ValueError(f"reply {generation} began at {reply.rate_hz} Hz, chunk has {rate_hz}")
        reply.append(samples, start)
        self._ledger.add_marks(marks)
        return True

    def finish(self, generation: int) -> None:
        """Note that no more chunks will come."""
        if self._reply is not None and self._reply.generation == generation:
            self._reply.is_complete = True

    def set_volume(self, gain_db: float) -> None:
        """Set the level of all replies, 0 dB or less; heard once the ring has played out."""
        self._volume = np.float32(10.0 ** (min(gain_db, 0.0) / 20.0))

    def duck(self, gain_db: float, ramp_ms: float) -> None:
        """Go on more softly (``gain_db`` < 0)."""
        if self._reply is None or self._phase is not _Phase.PLAYING:
            return
        if self._ducked_at is None:
            self._ducked_at = self._ledger.reply_sample(self._position())
        self._renderer.ramp_to(10.0 ** (gain_db / 20.0), ramp_ms)

    def hold(self, ramp_ms: float) -> None:
        """Fade out and stop there."""
        if self._reply is None or self._phase is not _Phase.PLAYING:
            return
        self._phase = _Phase.HELD
        if self._ducked_at is None:
            self._ducked_at = self._ledger.reply_sample(self._position())
        self._renderer.hold(max(ramp_ms, _DECLICK_MS))

    def resume(self, ramp_ms: float) -> None:
        """Return to full level; a held reply goes back to the word in which it grew softer."""
        if self._reply is None or self._phase not in (_Phase.PLAYING, _Phase.HELD):
            return
        ramp_ms = max(ramp_ms, _DECLICK_MS)
        if self._phase is _Phase.HELD and self._is_open and self._renderer.is_silent:
            self._rewind(self._reply)
        self._phase = _Phase.PLAYING
        self._ducked_at = None
        if self._must_flush:
            return
        self._top_up(self._reply)
        self._renderer.release(1.0, ramp_ms)

    def fade_and_flush(self, ramp_ms: float) -> None:
        """End the reply softly; PlaybackEnded follows when its last sample has been heard."""
        if self._reply is None or self._phase in (_Phase.CUTTING, _Phase.ENDING):
            return
        self._phase = _Phase.CUTTING
        self._renderer.expect(False)
        self._renderer.hold(max(ramp_ms, _DECLICK_MS))

    def hard_flush(self) -> None:
        """End the reply now, device or no device; what it still plays is an estimate."""
        if self._reply is None:
            return
        self._renderer.expect(False)
        self._renderer.hold(_DECLICK_MS)
        self._must_flush = True
        self._end(self._heard(), is_estimate=True)

    def pump(self, now_s: float) -> list[AudioEvent]:
        """Top up the ring and return what happened since the last call."""
        self._now_s = now_s
        self._fit_depth(now_s)
        if self._must_flush and self._renderer.is_silent:
            self._flush_ring()
            self._must_flush = False
            if self._reply is not None and self._phase is _Phase.PLAYING:
                self._renderer.release(1.0, _DECLICK_MS)
        if self._reply is not None:
            self._pump_reply(self._reply)
        events, self._events = self._events, []
        return events

    def _fit_depth(self, now_s: float) -> None:
        """Keep more ready where the ring ran dry though there was more: this thread came late."""
        is_dry = self._has_more and self._depth() == 0 and self._phase is _Phase.PLAYING
        self._has_more = False
        depth_ms = self._depth_policy.take(int(is_dry), now_s)
        self._target = round(depth_ms * self._renderer.rate_hz / 1000.0)

    def _pump_reply(self, reply: ReplyAudio) -> None:
        if self._phase is _Phase.CUTTING and self._renderer.is_silent and not self._must_flush:
            self._ledger.close(self._flush_ring())
            self._phase = _Phase.ENDING
        if self._phase is _Phase.PLAYING and not self._must_flush:
            self._top_up(reply)
        heard = self._heard()
        self._report_progress(reply, heard)
        if self._phase is _Phase.ENDING:
            if not self._is_open or self._position() >= self._cut_at:
                self._end(heard, is_estimate=not self._knows_latency)
        elif self._has_run_out(reply):
            self._end(reply.n_samples, is_estimate=not self._knows_latency)

    def _top_up(self, reply: ReplyAudio) -> None:
        if not reply.n_samples:
            return
        if not self._is_open:
            self._write_from(reply, self._resume_at)
        ring = self._renderer.ring
        while reply.has_unread and self._depth() < self._target and ring.n_free >= 3 * self._step:
            ring.write(reply.read(self._step) * self._volume)
        self._has_more = reply.has_unread and self._depth() >= self._target
        self._renderer.expect(not reply.is_complete or reply.has_unread)

    def _report_progress(self, reply: ReplyAudio, heard: int) -> None:
        first = reply.first_audible
        if not self._has_started and first is not None and heard > first:
            self._has_started = True
            self._events.append(PlaybackStarted(reply.generation, self._time_heard(first)))
        if not self._has_started:
            return
        for mark in self._ledger.newly_begun(heard):
            at_s = self._time_heard(mark.sample_start)
            self._events.append(PlaybackProgressed(reply.generation, mark.text_end, at_s))

    def _has_run_out(self, reply: ReplyAudio) -> bool:
        if not reply.is_complete or reply.has_unread:
            return False
        return not self._is_open or self._position() >= self._renderer.ring.n_written

    def _end(self, heard: int, *, is_estimate: bool) -> None:
        reply = self._reply
        if reply is None:
            return
        is_whole = reply.is_complete and heard >= reply.n_samples
        heard = heard if self._has_started else 0
        text_end = self._ledger.text_end(sys.maxsize if is_whole else heard)
        report = PlayoutReport(
            generation=reply.generation,
            heard_samples=heard,
            heard_text_end=text_end if heard else 0,
            was_cut=not is_whole,
            is_estimate=is_estimate,
            last_audible_s=self._time_heard(heard - 1) if heard else self._now_s,
        )
        self._renderer.expect(False)
        self._reply = None
        self._events.append(PlaybackEnded(report, self._now_s))

    def _bind(self, renderer: OutputRenderer, output_latency_s: float) -> None:
        self._renderer = renderer
        self._latency = round(output_latency_s * renderer.rate_hz)
        self._knows_latency = output_latency_s > 0.0
        self._target = round(self._depth_policy.length_ms * renderer.rate_hz / 1000.0)
        self._has_more = False
        self._step = renderer.rate_hz // 50  # 20 ms
        self._is_open = False  # the ring carries (or carried) some of the reply
        self._resume_at = 0  # where the reply begins when it is opened
        self._must_flush = False  # the ring holds sound that nobody is to hear
        self._ducked_at: int | None = None  # sample of the reply that was sounding then
        self._cut_at = 0  # ring position where the last flush took effect
        self._flushed_to = 0  # ring position up to which it dropped

    def _position(self) -> int:
        return self._renderer.position_heard(self._latency)

    def _heard(self) -> int:
        if self._reply is None:
            return 0
        return min(self._ledger.heard(self._position()), self._reply.n_samples)

    def _depth(self) -> int:
        ring = self._renderer.ring
        return ring.n_written - max(ring.n_read, self._flushed_to)

    def _max_repeat(self, reply: ReplyAudio) -> int:
        return round(_MAX_REPEAT_MS * reply.rate_hz / 1000.0)

    def _write_from(self, reply: ReplyAudio, sample: int) -> None:
        reply.seek(sample)
        self._ledger.open(self._renderer.ring.n_written, sample)
        self._is_open = True

    def _flush_ring(self) -> int:
        """Drop what is in the ring, while the renderer is silent: its reader stands still then."""
        self._cut_at = max(self._renderer.ring.n_read, self._flushed_to)
        self._flushed_to = self._renderer.ring.n_written
        self._renderer.flush()
        return self._cut_at

    def _rewind(self, reply: ReplyAudio) -> None:
        stopped_at = self._ledger.reply_sample(self._renderer.ring.n_read)
        self._ledger.close(self._flush_ring())
        softer_at = stopped_at if self._ducked_at is None else self._ducked_at
        begin = max(self._ledger.word_start(softer_at), stopped_at - self._max_repeat(reply))
        self._write_from(reply, min(begin, stopped_at))

    def _time_heard(self, reply_sample: int) -> float:
        position = self._ledger.ring_position(reply_sample)
        rendered = None if position is None else self._renderer.rendered_at(position)
        if rendered is None:
            return self._now_s
        age = self._renderer.n_rendered - self._latency - rendered
        return self._now_s - age / self._renderer.rate_hz
