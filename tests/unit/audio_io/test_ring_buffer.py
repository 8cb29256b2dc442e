from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from audio_io.ring_buffer import RingBuffer


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=80))
def test_what_is_read_is_what_was_written_in_order(steps: list[tuple[bool, int]]) -> None:
    ring = RingBuffer(32)
    accepted: list[float] = []
    taken: list[float] = []
    value = 0
    for is_write, n in steps:
        if is_write:
            block = np.arange(value, value + n, dtype=np.float32)
            n_taken = ring.write(block)
            accepted += block[:n_taken].tolist()
            value += n
        else:
            taken += ring.read(n).tolist()
    assert taken == accepted[: len(taken)]
    assert len(ring) == len(accepted) - len(taken)
    assert ring.n_refused == value - len(accepted)


def test_dropping_never_goes_back_or_beyond_what_was_written() -> None:
    ring = RingBuffer(16)
    ring.write(np.arange(10, dtype=np.float32))
    assert ring.drop_until(4) == 4
    assert ring.drop_until(2) == 0
    assert ring.drop_until(99) == 6
    assert len(ring) == 0


@given(st.lists(st.tuples(st.sampled_from("wgr"), st.integers(0, 40)), max_size=80))
def test_in_time_every_lost_sample_is_silence_in_its_place(steps: list[tuple[str, int]]) -> None:
    """Refused, or lost before: what is read has every sample at its time."""
    ring = RingBuffer(64)
    sent: list[float] = []
    heard: list[float] = []
    value = 1
    for kind, n in steps:
        if kind == "w":
            block = np.arange(value, value + n, dtype=np.float32)
            n_taken = ring.write(block)
            sent += block[:n_taken].tolist() + [0.0] * (n - n_taken)
            value += n
        elif kind == "g":
            ring.note_gap(n)
            sent += [0.0] * n
        else:
            heard += ring.read_in_time().tolist()
    ring.read_in_time()
    ring.write(np.ones(1, dtype=np.float32))
    assert heard == sent[: len(heard)] or max(_runs_of_silence(sent)) > ring.capacity
    assert len(ring) == 1


def _runs_of_silence(samples: list[float]) -> list[int]:
    runs = [0]
    for sample in samples:
        runs.append(runs[-1] + 1 if sample == 0.0 else 0)
    return runs


def test_a_hole_longer_than_the_ring_becomes_silence_of_its_length() -> None:
    ring = RingBuffer(16)
    ring.note_gap(1_000_000)
    ring.write(np.ones(4, dtype=np.float32))
    assert len(ring.read_in_time()) == 20
