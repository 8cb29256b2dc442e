from __future__ import annotations

import numpy as np
import pytest

from app.engine.clock import StreamTime
from tests.fakes.clock import VirtualClock


def test_time_is_zero_until_it_begins_and_then_passes_without_a_microphone() -> None:
    clock = VirtualClock(100.0)
    time = StreamTime(clock)
    clock.advance(5.0)
    assert time.now_s() == 0.0
    time.begin()
    clock.advance(2.5)
    assert time.now_s() == pytest.approx(2.5)


def test_the_microphone_sets_the_clock_and_late_frames_do_not_put_it_back() -> None:
    clock = VirtualClock(100.0)
    time = StreamTime(clock)
    for k in range(1, 200):
        late_s = 0.015 if k % 3 else 0.0
        clock.advance_to(100.0 + 0.02 * k + late_s)
        time.sync(0.02 * k)
    assert time.now_s() == pytest.approx(clock.now_s() - 100.0, abs=1e-6)


def test_bursts_of_a_sound_server_are_bridged() -> None:
    clock = VirtualClock()
    time = StreamTime(clock)
    errors = []
    for k in range(1, 100):
        clock.advance_to(0.1 * k)
        time.sync(0.1 * k)
        clock.advance(0.09)
        errors.append(time.now_s() - clock.now_s())
    assert np.max(np.abs(errors)) < 1e-6


def test_a_drifting_card_is_followed() -> None:
    clock = VirtualClock()
    time = StreamTime(clock)
    for k in range(1, 60_000):
        clock.advance_to(0.01 * k)
        time.sync(0.01 * k * (1.0 - 100e-6))
    heard_s = 0.01 * 59_999 * (1.0 - 100e-6)
    assert time.now_s() == pytest.approx(heard_s, abs=0.001)


def test_a_stream_that_lost_samples_is_caught_up_with_in_seconds() -> None:
    clock = VirtualClock()
    time = StreamTime(clock)
    for k in range(1, 1000):
        clock.advance_to(0.01 * k)
        time.sync(0.01 * k - (0.3 if k > 500 else 0.0))
    assert time.now_s() == pytest.approx(clock.now_s() - 0.3, abs=0.001)


def test_other_streams_tell_their_delay_anew() -> None:
    clock = VirtualClock()
    time = StreamTime(clock)
    clock.advance_to(10.0)
    time.sync(10.0)
    time.restart()
    clock.advance_to(11.0)
    assert time.now_s() == pytest.approx(11.0)
    time.sync(10.9)
    assert time.now_s() == pytest.approx(10.9)
