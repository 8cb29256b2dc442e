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


def test_a_backlog_is_cut_before_the_reference_comes_after_its_echo() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    ring.write(tone(0.5))
    reference.next_frame()
    assert reference.backlog_ms <= 60.0
    assert reference.n_dropped > 0


def test_a_missing_reference_is_silence() -> None:
    reference = EchoReference(RingBuffer(1_600), 48_000)
    frames = [reference.next_frame() for _ in range(5)]
    assert all(not frame.any() for frame in frames)
    assert reference.n_missing == 3


def test_drift_is_taken_back_in_silence() -> None:
    ring = RingBuffer(48_000)
    reference = EchoReference(ring, 16_000)
    silence = np.zeros(170, dtype=np.float32)
    for _ in range(400):
        ring.write(silence)
        reference.next_frame()
        assert reference.backlog_ms <= 50.0
    assert reference.n_dropped % 160 == 0
