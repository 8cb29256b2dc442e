"""Buffers grow where sound is lost and shrink where it has not been for long."""

from __future__ import annotations

import pytest

from audio_io.buffer_policy import BufferLimits, BufferPolicy

LIMITS = BufferLimits(60.0, 240.0, factor=2.0, n_xruns=3, within_s=10.0, peace_s=180.0)


def test_single_xruns_change_nothing() -> None:
    policy = BufferPolicy(LIMITS)
    assert [policy.take(1, 20.0 * k) for k in range(8)] == [60.0] * 8


@pytest.mark.parametrize("times", [(1.0, 5.0, 9.0), (1.0, 1.0, 11.0)])
def test_several_within_a_short_time_make_it_longer(times: tuple[float, ...]) -> None:
    policy = BufferPolicy(LIMITS)
    assert [policy.take(1, at_s) for at_s in times] == [60.0, 60.0, 120.0]


def test_many_at_once_are_one_step() -> None:
    assert BufferPolicy(LIMITS).take(50, 1.0) == 120.0


def test_it_never_becomes_longer_than_is_bearable() -> None:
    policy = BufferPolicy(LIMITS)
    assert max(policy.take(3, float(k)) for k in range(20)) == 240.0


def test_peace_makes_it_shorter_step_by_step_down_to_where_it_began() -> None:
    policy = BufferPolicy(LIMITS)
    for k in range(3):
        policy.take(3, float(k))
    lengths = [policy.take(0, float(at_s)) for at_s in range(3, 1000)]
    assert lengths[0] == 240.0
    assert lengths[170] == 240.0
    assert lengths[185] == 120.0
    assert lengths[185 + 180] == 60.0
    assert lengths[-1] == 60.0


def test_an_xrun_begins_the_peace_anew() -> None:
    policy = BufferPolicy(LIMITS)
    policy.take(3, 0.0)
    policy.take(1, 170.0)
    assert policy.take(0, 300.0) == 120.0
    assert policy.take(0, 351.0) == 60.0
