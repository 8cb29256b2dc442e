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
