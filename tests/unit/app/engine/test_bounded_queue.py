"""Bounded queues between threads."""

from __future__ import annotations

from threading import Thread

from app.engine.bounded_queue import BoundedQueue, Overflow


def test_items_arrive_in_order() -> None:
    box: BoundedQueue[int] = BoundedQueue("t", 10, Overflow.REFUSE)
    for i in range(3):
        assert box.put(i)
    assert box.take_all() == [0, 1, 2]


def test_a_full_box_refuses_or_forgets_the_oldest_and_counts() -> None:
    refusing: BoundedQueue[int] = BoundedQueue("r", 2, Overflow.REFUSE)
    assert [refusing.put(i) for i in range(3)] == [True, True, False]
    assert refusing.take_all() == [0, 1]
    dropping: BoundedQueue[int] = BoundedQueue("d", 2, Overflow.DROP_OLDEST)
    for i in range(4):
        assert dropping.put(i)
    assert dropping.take_all() == [2, 3]
    assert dropping.stats().n_lost == 2
    assert refusing.stats().n_lost == 1
    assert dropping.stats().max_depth == 2


def test_nothing_arrives_within_the_timeout() -> None:
    box: BoundedQueue[int] = BoundedQueue("t", 2, Overflow.REFUSE)
    assert box.take_all(0.001) == []


def test_closing_wakes_the_reader_and_refuses_writers() -> None:
    box: BoundedQueue[int] = BoundedQueue("t", 2, Overflow.REFUSE)
    taken: list[list[int]] = []
    reader = Thread(target=lambda: taken.append(box.take_all()))
    reader.start()
    box.close()
    reader.join(2.0)
    assert taken == [[]]
    assert not box.put(1)
