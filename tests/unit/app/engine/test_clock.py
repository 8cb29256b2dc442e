"""Time that passes and time that is told."""

from __future__ import annotations

import pytest

from app.engine.clock import MonotonicClock
from tests.fakes.clock import VirtualClock


def test_the_real_clock_never_goes_back() -> None:
    clock = MonotonicClock()
    times = [clock.now_s() for _ in range(100)]
    assert times == sorted(times)


def test_virtual_time_stands_still_until_told() -> None:
    clock = VirtualClock(2.0)
    assert clock.now_s() == clock.now_s() == 2.0
    clock.advance(0.5)
    assert clock.now_s() == 2.5


def test_virtual_time_jumps_forward_only() -> None:
    clock = VirtualClock()
    clock.advance_to(3.0)
    clock.advance_to(1.0)
    assert clock.now_s() == 3.0


@pytest.mark.parametrize("step", [-0.001, float("nan")])
def test_a_step_back_is_refused(step: float) -> None:
    clock = VirtualClock()
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(step)
    assert clock.now_s() == 0.0
