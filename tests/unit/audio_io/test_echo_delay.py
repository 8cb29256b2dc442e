"""The echo's delay is followed, a jump is noticed at once, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from audio_io.aec import WebRtcEchoCanceller
from audio_io.capture import CapturePipeline
from audio_io.echo_delay import EchoDelay
from audio_io.echo_reference import EchoReference
from audio_io.frames import Samples
from audio_io.ring_buffer import RingBuffer
from audio_io.virtual_room import RoomSettings, VirtualRoom
from tests.fakes.audio import EnergyVad, speech_like

RATE_HZ = 16_000
SECONDS = 8.0


def room_response(seed: int = 0) -> Samples:
    decay = np.exp(-np.arange(1600) / 200.0)
    reverberant = 0.1 * np.random.default_rng(seed).standard_normal(1600) * decay
    reverberant[0] = 1.0
    return reverberant.astype(np.float32)


def follow(near: Samples, far: Samples) -> tuple[EchoDelay, list[tuple[float, float]]]:
    """Return the follower and its jumps: (seconds, ms)."""
    delay, jumps = EchoDelay(), list[tuple[float, float]]()
    for at in range(0, len(near) - 159, 160):
        ms = delay.update(near[at : at + 160], far[at : at + 160])
        if ms:
            jumps.append((at / RATE_HZ, ms))
    return delay, jumps


def echo_of(far: Samples, delay_ms: float, gain: float = 0.3) -> Samples:
    n = round(delay_ms * RATE_HZ / 1000.0)
    return gain * np.concatenate((np.zeros(n), np.convolve(far, room_response())))[: len(far)]


@pytest.mark.parametrize("delay_ms", [5.0, 80.0, 250.0])
def test_the_delay_of_an_echo_is_found(delay_ms: float) -> None:
    far = speech_like(3.0)
    delay, jumps = follow(echo_of(far, delay_ms).astype(np.float32), far)
    assert delay.delay_ms == pytest.approx(delay_ms, abs=0.3)
    assert jumps == []


@pytest.mark.parametrize("jump_ms", [40.0, -40.0, 10.0])
def test_a_jump_is_noticed_within_a_third_of_a_second(jump_ms: float) -> None:
    far = speech_like(8.0)
    at = 4 * RATE_HZ
    near = np.concatenate((echo_of(far, 100.0)[:at], echo_of(far, 100.0 + jump_ms)[at:]))
    _, jumps = follow(near.astype(np.float32), far)
    ((when_s, found_ms),) = jumps
    assert 4.0 < when_s < 4.45
    assert found_ms == pytest.approx(jump_ms, abs=0.3)


def test_drift_is_no_jump() -> None:
    far = speech_like(12.0)
    slow = np.interp(np.arange(len(far)) * (1.0 - 300e-6), np.arange(len(far)), far)
    delay, jumps = follow(echo_of(slow.astype(np.float32), 100.0).astype(np.float32), far)
    assert jumps == []
    assert delay.delay_ms is not None
    assert delay.delay_ms > 102.0


def test_a_user_alone_is_no_echo() -> None:
    delay, jumps = follow(speech_like(6.0, seed=5), speech_like(6.0, seed=6))
    assert (delay.delay_ms, jumps) == (None, [])


def test_a_user_who_talks_over_the_echo_moves_nothing() -> None:
    far = speech_like(8.0)
    near = echo_of(far, 100.0, gain=0.1) + speech_like(8.0, seed=7)
    assert follow(near.astype(np.float32), far)[1] == []


def test_silence_tells_nothing() -> None:
    noise = 0.001 * np.random.default_rng(1).standard_normal(RATE_HZ).astype(np.float32)
    assert follow(noise, noise)[0].delay_ms is None


@pytest.mark.parametrize("jump_ms", [15.0, 40.0, 80.0])
def test_the_canceller_does_not_notice_a_jump_that_is_followed(jump_ms: float) -> None:
    followed, left_alone = n_leaks(jump_ms), n_leaks(jump_ms, is_followed=False)
    assert left_alone > 10
    assert followed <= 0.65 * left_alone


def n_leaks(jump_ms: float, *, is_followed: bool = True) -> int:
    """Return how many tenths of a second of echo pass the canceller after the first two seconds."""
    room = VirtualRoom(
        RoomSettings(
            room_response(), echo_db=-8.0, delay_ms=60.0, delay_jump_ms=jump_ms,
            delay_jump_every_s=3.0,
        )
    )  # fmt: skip
    clean: list[Samples] = []
    capture = CapturePipeline(
        room, WebRtcEchoCanceller(), EnergyVad(), tap=lambda _near, _far, out: clean.append(out)
    )
    if not is_followed:
        capture.reference.shift = lambda ms: False
    sound, written = speech_like(15.0, rate_hz=24_000, peak=0.5), 0
    for _ in range(1_500):
        written += room.renderer.ring.write(sound[written : written + 240])
        room.advance(10)
        capture.process_available()
    tenths = np.concatenate(clean)[2 * RATE_HZ :].reshape(-1, 1_600)
    return int(np.sum(np.mean(np.square(tenths), axis=1) > 1e-5))


def test_the_reference_comes_no_sooner_than_it_is_known() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, RATE_HZ)
    assert not reference.shift(-40.0)
    assert reference.shift(40.0)
    assert reference.shift(-40.0)
    assert reference.n_shifts == 2


def test_a_shift_is_not_taken_back_as_if_it_were_a_backlog() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, RATE_HZ)
    reference.shift(90.0)
    for _ in range(1_000):
        ring.write(np.zeros(160, dtype=np.float32))
        reference.next_frame()
    assert reference.backlog_ms == pytest.approx(110.0, abs=11.0)
    assert reference.n_dropped == 0
