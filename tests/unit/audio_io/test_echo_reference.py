from __future__ import annotations

import numpy as np

from audio_io.echo_reference import EchoReference
from audio_io.ring_buffer import RingBuffer
from tests.fakes.audio import tone


def test_every_sample_comes_once_and_in_order_when_the_clocks_agree() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    sound = tone(1.0)
    frames = []
    for i in range(0, len(sound), 160):
        ring.write(sound[i : i + 160])
        frames.append(reference.next_frame())
    heard = np.concatenate(frames)
    assert np.array_equal(heard[320:], sound[:-320])
    assert (reference.n_missing, reference.n_dropped) == (0, 0)


def run(reference: EchoReference, ring: RingBuffer, blocks: list[np.ndarray]) -> list[np.ndarray]:
    """One microphone frame a block."""
    frames = []
    for block in blocks:
        ring.write(block)
        frames.append(reference.next_frame())
    return frames


def test_a_backlog_that_never_empties_is_cut_within_two_seconds() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    ring.write(tone(0.3))
    sound = tone(2.5)
    run(reference, ring, [sound[i : i + 160] for i in range(0, len(sound), 160)])
    assert reference.n_dropped > 0
    assert reference.backlog_ms <= 40.0


def test_a_backlog_beyond_the_cancellers_reach_is_cut_at_once() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    ring.write(tone(1.0))
    reference.next_frame()
    assert reference.backlog_ms <= 60.0


def test_bursts_of_a_sound_server_move_no_frame() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    sound = np.random.default_rng(3).standard_normal(128_000).astype(np.float32)
    burst = 14 * 160  # 140 ms at a time
    blocks = [
        sound[i * 160 : i * 160 + burst] if i % 14 == 0 else sound[:0]
        for i in range(len(sound) // 160)
    ]
    frames = run(reference, ring, blocks)
    settled = np.concatenate(frames[200:])
    begin = int(np.flatnonzero(sound == settled[0])[0])
    assert np.array_equal(settled, sound[begin : begin + len(settled)])
    assert reference.n_dropped == 0


def test_a_missing_reference_is_silence() -> None:
    reference = EchoReference(RingBuffer(1_600), 48_000)
    frames = [reference.next_frame() for _ in range(5)]
    assert all(not frame.any() for frame in frames)
    assert reference.n_missing == 3


def test_drift_is_taken_back_in_silence() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    silence = np.zeros(161, dtype=np.float32)  # far more drift than any card has
    for _ in range(3000):
        ring.write(silence)
        reference.next_frame()
        assert reference.backlog_ms <= 90.0
    assert reference.n_dropped > 0


def test_a_backlog_on_both_sides_is_no_lead() -> None:
    """Capture was away for most of a second: every frame still meets its own reference."""
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    sound = np.random.default_rng(3).standard_normal(64_000).astype(np.float32)
    blocks = [sound[i : i + 160] for i in range(0, len(sound), 160)]
    frames = run(reference, ring, blocks[:250])
    ring.write(np.concatenate(blocks[250:340]))
    frames += [reference.next_frame(160 * (89 - k)) for k in range(90)]
    frames += run(reference, ring, blocks[340:])
    assert np.array_equal(np.concatenate(frames)[320:], sound[:-320])
    assert reference.n_shifts == 0


def test_a_late_loudspeaker_is_waited_for_and_moves_no_frame() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    sound = np.random.default_rng(3).standard_normal(64_000).astype(np.float32)
    blocks = [sound[i : i + 160] for i in range(0, len(sound), 160)]
    frames = run(reference, ring, blocks[:250])
    n_waiting = 0
    for _ in range(250, 256):  # 60 ms in which only the microphone calls back
        while reference.is_ready(160 * n_waiting):
            frames.append(reference.next_frame(160 * n_waiting))
            n_waiting -= 1
        n_waiting += 1
    ring.write(np.concatenate(blocks[250:256]))
    while len(frames) < 256:
        frames.append(reference.next_frame(160 * (255 - len(frames))))
    frames += run(reference, ring, blocks[256:])
    assert np.array_equal(np.concatenate(frames)[320:], sound[:-320])
    assert reference.n_shifts == 0


def test_a_loudspeaker_that_is_gone_is_not_waited_for() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    run(reference, ring, [np.zeros(160, dtype=np.float32)] * 250)
    for _ in range(2):
        reference.next_frame()
    assert not reference.is_ready(0)
    assert reference.is_ready(16_000)
    assert not reference.next_frame().any()
    assert reference.is_ready(0), "it was waited for once"


def test_a_reference_that_always_comes_late_is_moved_in_silence() -> None:
    """Else the microphone would wait for it for ever."""
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    silence = np.zeros(160, dtype=np.float32)
    run(reference, ring, [silence] * 250)
    for _ in range(700):
        ring.write(silence)
        if reference.is_ready(640):
            reference.next_frame(640)  # 40 ms of the microphone wait behind each frame
    assert reference.backlog_ms - 40.0 >= 0.0


def test_samples_that_were_lost_are_silence_in_their_place() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    ring.write(np.ones(160, dtype=np.float32))
    ring.note_gap(160)
    ring.write(np.ones(160, dtype=np.float32))
    frames = [reference.next_frame() for _ in range(5)]
    assert [frame.any() for frame in frames] == [False, False, True, False, True]
