from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_io.events import (
    AudioEvent,
    PlaybackEnded,
    PlaybackProgressed,
    PlaybackStarted,
    PlayoutReport,
)
from audio_io.playback import TARGET_DEPTH_MS, Player
from audio_io.playout import PlayoutMark
from audio_io.renderer import OutputRenderer
from tests.fakes.audio import tone

REPLY_RATE = 24_000
LATENCY_S = 0.06
WORD_S = 0.25
TEXT_PER_WORD = 5


@dataclass
class Loudspeaker:
    """Pumps a player in steps of 10 ms and keeps what came out and what happened."""

    out_rate_hz: int = 48_000
    now_s: float = 0.0
    events: list[AudioEvent] = field(default_factory=list)
    sound: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.renderer = OutputRenderer(self.out_rate_hz)
        self.player = Player(self.renderer, LATENCY_S)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            out = np.empty(self.out_rate_hz // 100, dtype=np.float32)
            self.renderer.render(out)
            self.sound.append(out)
            self.now_s += 0.01
            self.events += self.player.pump(self.now_s)

    def say(self, n_words: int, generation: int = 1, *, samples: np.ndarray | None = None) -> None:
        n = round(WORD_S * REPLY_RATE)
        sound = tone(n_words * WORD_S, REPLY_RATE, hz=200.0) if samples is None else samples
        self.player.start_reply(generation, REPLY_RATE)
        for i in range(n_words):
            mark = PlayoutMark((i + 1) * TEXT_PER_WORD, i * n, (i + 1) * n)
            self.player.enqueue(sound[i * n : (i + 1) * n], i * n, REPLY_RATE, (mark,), generation)
        self.player.finish(generation)

    def played(self) -> np.ndarray:
        return np.concatenate(self.sound)

    def reports(self) -> list[PlayoutReport]:
        return [event.report for event in self.events if isinstance(event, PlaybackEnded)]

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]


def test_a_whole_reply_is_heard_to_its_last_word() -> None:
    room = Loudspeaker()
    room.say(8)
    room.run(3.0)
    (report,) = room.reports()
    assert not report.was_cut
    assert not report.is_estimate
    assert report.heard_samples == round(8 * WORD_S * REPLY_RATE)
    assert report.heard_text_end == 8 * TEXT_PER_WORD
    (started,) = room.of(PlaybackStarted)
    assert report.last_audible_s == pytest.approx(started.at_s + 8 * WORD_S, abs=0.002)


def test_playback_starts_when_sound_leaves_the_loudspeaker() -> None:
    room = Loudspeaker()
    room.run(0.5)
    silence = np.zeros(REPLY_RATE // 10, dtype=np.float32)
    room.say(4, samples=np.concatenate((silence, tone(0.9, REPLY_RATE, peak=0.5))))
    room.run(1.0)
    (started,) = room.of(PlaybackStarted)
    first = int(np.flatnonzero(np.abs(room.played()) > 2e-3)[0]) / 48_000
    assert started.at_s == pytest.approx(first + LATENCY_S, abs=0.001)


def test_words_are_reported_in_order_when_they_begin_to_sound() -> None:
    room = Loudspeaker()
    room.say(6)
    room.run(2.5)
    (started,) = room.of(PlaybackStarted)
    progress = room.of(PlaybackProgressed)
    assert [event.heard_text_end for event in progress] == [5, 10, 15, 20, 25, 30]
    for i, event in enumerate(progress):
        assert event.at_s == pytest.approx(started.at_s + i * WORD_S, abs=0.002)


def test_a_cut_reply_ends_softly_and_is_reported_once_when_it_has_faded_out() -> None:
    room = Loudspeaker()
    room.say(20)
    room.run(1.02)
    room.player.fade_and_flush(30.0)
    cut_s = room.now_s
    room.run(0.5)
    (report,) = room.reports()
    assert report.was_cut
    last = int(np.flatnonzero(np.abs(room.played()) > 1e-4)[-1]) / 48_000
    assert last - cut_s < 0.035
    assert report.last_audible_s == pytest.approx(last + LATENCY_S, abs=0.003)
    assert np.max(np.abs(np.diff(room.played()))) < 0.3 * 2 * np.pi * 200.0 / 48_000 * 1.3


def test_a_reply_cut_before_it_was_audible_was_not_heard() -> None:
    room = Loudspeaker()
    room.say(4)
    room.run(0.02)
    room.player.hard_flush()
    room.run(0.3)
    (report,) = room.reports()
    assert report.heard_samples == 0
    assert report.heard_text_end == 0
    assert not room.of(PlaybackStarted)


def test_a_reply_without_sound_ends_at_once() -> None:
    room = Loudspeaker()
    room.player.start_reply(1, REPLY_RATE)
    room.player.finish(1)
    room.run(0.05)
    (report,) = room.reports()
    assert report.heard_samples == 0


def test_a_hard_flush_needs_no_device() -> None:
    room = Loudspeaker()
    room.say(8)
    room.run(0.8)
    room.player.hard_flush()
    (event,) = room.player.pump(room.now_s)
    assert isinstance(event, PlaybackEnded)
    assert event.report.is_estimate
    assert event.report.was_cut


def test_a_new_reply_is_not_mixed_with_the_rest_of_the_old_one() -> None:
    room = Loudspeaker(out_rate_hz=24_000)
    room.say(8, generation=1)
    room.run(0.5)
    quiet = np.full(REPLY_RATE, 0.05, dtype=np.float32)
    room.say(4, generation=2, samples=quiet)
    room.run(2.0)
    assert [report.generation for report in room.reports()] == [1, 2]
    assert room.reports()[1].heard_samples == REPLY_RATE
    assert np.max(np.abs(room.played()[24_000 * 55 // 100 :])) < 0.06


def test_a_held_reply_goes_on_from_the_start_of_its_word() -> None:
    ramp = np.linspace(0.1, 0.9, round(8 * WORD_S * REPLY_RATE), dtype=np.float32)
    room = Loudspeaker(out_rate_hz=24_000)
    room.say(8, samples=ramp)
    room.run(0.72)
    room.player.hold(20.0)
    room.run(0.5)
    stopped = room.renderer.ring.n_read
    room.player.resume(10.0)
    n_before = len(room.played())
    room.run(0.1)
    resumed = room.played()[n_before + 480]
    sample = int(np.argmin(np.abs(ramp - resumed))) - 480
    heard_at_hold = 0.72 - 0.01 - LATENCY_S
    word_start = int(heard_at_hold / WORD_S) * WORD_S * REPLY_RATE
    assert abs(sample - max(word_start, stopped - 0.3 * REPLY_RATE)) < 30
    room.run(3.0)
    (report,) = room.reports()
    assert not report.was_cut
    assert report.heard_text_end == 8 * TEXT_PER_WORD


def test_a_reply_that_was_softer_first_goes_on_from_the_word_in_which_it_became_so() -> None:
    ramp = np.linspace(0.1, 0.9, round(8 * WORD_S * REPLY_RATE), dtype=np.float32)
    room = Loudspeaker(out_rate_hz=24_000)
    room.say(8, samples=ramp)
    room.run(0.78)  # 0.71 s are heard: the end of the third word
    room.player.duck(-14.0, 20.0)
    room.run(0.06)
    room.player.hold(20.0)  # in the fourth
    room.run(0.5)
    stopped = room.renderer.ring.n_read
    room.player.resume(10.0)
    n_before = len(room.played())
    room.run(0.1)
    sample = int(np.argmin(np.abs(ramp - room.played()[n_before + 480]))) - 480
    third_word = 2 * WORD_S * REPLY_RATE
    fourth_word = 3 * WORD_S * REPLY_RATE
    assert third_word <= sample < fourth_word
    assert abs(sample - max(third_word, stopped - 0.3 * REPLY_RATE)) < 30


def test_no_word_is_reported_twice_after_a_resume() -> None:
    room = Loudspeaker()
    room.say(8)
    room.run(0.9)
    room.player.hold(20.0)
    room.run(0.3)
    room.player.resume(20.0)
    room.run(3.0)
    ends = [event.heard_text_end for event in room.of(PlaybackProgressed)]
    assert ends == sorted(set(ends))


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["hold", "resume", "duck"]), st.integers(1, 60)), max_size=12
    )
)
def test_a_resume_never_repeats_more_than_300_ms(steps: list[tuple[str, int]]) -> None:
    arch = 0.9 * np.sin(np.linspace(0.0, np.pi, round(20 * WORD_S * REPLY_RATE)))
    ramp = arch.astype(np.float32)
    room = Loudspeaker(out_rate_hz=24_000)
    room.say(20, samples=ramp)
    room.run(0.3)
    for action, ticks in steps:
        if action == "duck":
            room.player.duck(-15.0, 20.0)
        elif action == "hold":
            room.player.hold(20.0)
        else:
            room.player.resume(20.0)
        room.run(ticks / 100)
    room.player.resume(5.0)
    room.run(8.0)
    (report,) = room.reports()
    assert not report.was_cut
    total = room.renderer.ring.n_read
    assert total < len(ramp) * 2
    for before, after in zip(
        room.player._ledger._segments, room.player._ledger._segments[1:], strict=False
    ):
        assert before.ring_end is not None
        stopped = before.reply_start + before.ring_end - before.ring_start
        assert 0 <= stopped - after.reply_start <= 0.3 * REPLY_RATE + 1
    loudest_step = float(np.max(np.abs(np.diff(room.played()))))
    assert loudest_step < 0.02


def _cut_after(ticks: int, fade_ms: float, rate_hz: int) -> tuple[PlayoutReport, np.ndarray]:
    room = Loudspeaker(out_rate_hz=rate_hz)
    room.say(24)
    room.run(ticks / 100)
    room.player.fade_and_flush(fade_ms)
    room.run(0.6)
    (report,) = room.reports()
    return report, room.played()


def test_heard_text_is_what_was_played_within_a_word_in_200_random_cuts() -> None:
    rng = np.random.default_rng(7)
    for _ in range(200):
        ticks = int(rng.integers(1, 560))
        fade_ms = float(rng.uniform(5.0, 60.0))
        rate_hz = int(rng.choice([24_000, 44_100, 48_000]))
        report, played = _cut_after(ticks, fade_ms, rate_hz)
        audible = np.flatnonzero(np.abs(played) > 1e-4)
        heard_s = (audible[-1] - audible[0] + 1) / rate_hz if len(audible) else 0.0
        n_words = heard_s / WORD_S
        assert report.heard_text_end / TEXT_PER_WORD <= n_words + 0.02
        assert abs(report.heard_text_end / TEXT_PER_WORD - n_words) <= 1.0
        assert report.heard_samples / REPLY_RATE <= heard_s + 0.002


def test_chunks_of_an_old_reply_are_refused_and_counted() -> None:
    room = Loudspeaker()
    room.say(2, generation=5)
    sound = tone(0.1, REPLY_RATE)
    assert not room.player.enqueue(sound, 0, REPLY_RATE, (), 4)
    assert room.player.n_stale == 1


def test_a_slow_model_is_counted_as_starvation_and_loses_nothing() -> None:
    room = Loudspeaker()
    sound = tone(1.0, REPLY_RATE)
    room.player.start_reply(1, REPLY_RATE)
    room.player.enqueue(sound[:12_000], 0, REPLY_RATE, (), 1)
    room.run(1.0)
    room.player.enqueue(sound[12_000:], 12_000, REPLY_RATE, (), 1)
    room.player.finish(1)
    room.run(1.5)
    (report,) = room.reports()
    assert report.heard_samples == 24_000
    assert room.renderer.n_starvations == 1


def test_the_ring_is_kept_at_its_target_depth() -> None:
    room = Loudspeaker()
    room.say(20)
    room.run(1.0)
    depth_ms = 1000.0 * len(room.renderer.ring) / room.renderer.rate_hz
    assert TARGET_DEPTH_MS - 20.0 <= depth_ms <= TARGET_DEPTH_MS + 20.0


def test_a_reply_goes_on_from_its_word_on_another_device() -> None:
    room = Loudspeaker(out_rate_hz=48_000)
    room.say(12)
    room.run(1.0)
    room.out_rate_hz = 44_100
    room.renderer = OutputRenderer(44_100)
    room.player.attach(room.renderer, LATENCY_S)
    room.run(4.0)
    (report,) = room.reports()
    assert not report.was_cut
    assert report.heard_text_end == 12 * TEXT_PER_WORD
    repeated = room.renderer.ring.n_read / 44_100 - (12 * WORD_S - 0.94)
    assert 0.0 <= repeated <= 0.31
    ends = [event.heard_text_end for event in room.of(PlaybackProgressed)]
    assert ends == sorted(set(ends))


def test_the_volume_is_that_of_the_loudspeaker_and_outlives_a_change_of_device() -> None:
    def peak(gain_db: float) -> float:
        speaker = Loudspeaker()
        speaker.player.set_volume(gain_db)
        speaker.renderer = OutputRenderer(speaker.out_rate_hz)
        speaker.player.attach(speaker.renderer, LATENCY_S)
        speaker.say(4)
        speaker.run(1.0)
        return float(np.max(np.abs(speaker.played())))

    assert peak(-20.0) == pytest.approx(peak(0.0) / 10.0, rel=0.02)
    assert peak(6.0) == peak(0.0), "never louder than the reply"


def depth_ms(room: Loudspeaker) -> float:
    return 1000.0 * len(room.renderer.ring) / room.renderer.rate_hz


def away(room: Loudspeaker, seconds: float) -> None:
    """The playback thread does not come for so long; the device does."""
    for _ in range(round(seconds * 100)):
        room.renderer.render(np.empty(room.out_rate_hz // 100, dtype=np.float32))
        room.now_s += 0.01


def test_a_thread_that_comes_too_late_keeps_more_ready_from_then_on() -> None:
    room = Loudspeaker()
    room.say(80)
    room.run(1.0)
    away(room, 0.2)
    room.run(1.0)
    assert depth_ms(room) > TARGET_DEPTH_MS + 40.0
    for _ in range(3):
        away(room, 0.35)
        room.run(1.0)
    assert depth_ms(room) <= 340.0


def test_peace_for_minutes_makes_it_less_again() -> None:
    room = Loudspeaker()
    room.say(20)
    room.run(1.0)
    away(room, 0.2)
    room.run(10.0)
    room.now_s += 200.0
    room.say(20, generation=2)
    room.run(1.0)
    assert depth_ms(room) <= TARGET_DEPTH_MS + 20.0


def test_a_slow_model_is_no_late_thread() -> None:
    room = Loudspeaker()
    sound = tone(3.0, REPLY_RATE)
    room.player.start_reply(1, REPLY_RATE)
    for begin in range(0, len(sound), 12_000):
        room.player.enqueue(sound[begin : begin + 12_000], begin, REPLY_RATE, (), 1)
        room.run(1.0)
    room.player.start_reply(2, REPLY_RATE)
    room.player.enqueue(sound, 0, REPLY_RATE, (), 2)
    room.run(1.0)
    assert depth_ms(room) <= TARGET_DEPTH_MS + 20.0
