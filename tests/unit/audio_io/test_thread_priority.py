"""Sound runs before other work where the system lets it, and like other work where not."""

from __future__ import annotations

import logging
import os
import sys
import threading

import pytest

from audio_io.thread_priority import SystemPriority, UnchangedPriority


def refused(thread: int) -> str:
    raise PermissionError(1, f"not for thread {thread}")


def unknown(thread: int) -> str:
    raise AttributeError(f"no such call for {thread}")


class Given:
    """A way that works, and remembers for whom."""

    def __init__(self, what: str = "real time") -> None:
        self.what = what
        self.threads: list[int] = []

    def __call__(self, thread: int) -> str:
        self.threads.append(thread)
        return self.what


def test_the_best_way_that_works_is_taken() -> None:
    best, worse = Given("better"), Given("worse")
    priority = SystemPriority((refused, unknown, best, worse), ())
    assert priority.raise_this_thread("capture") == "better"
    assert best.threads == [threading.get_native_id()]
    assert worse.threads == []


def test_a_refusal_is_said_once_and_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    priority = SystemPriority((refused,), (unknown,))
    for name in ("capture", "playback"):
        assert priority.raise_this_thread(name) == ""
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "capture" in caplog.text


def test_a_callback_asks_nobody_and_is_asked_for_later() -> None:
    broker = Given("by the broker")
    priority = SystemPriority((refused,), (broker,))
    numbers: list[int] = []

    def callback() -> None:
        numbers.append(threading.get_native_id())
        assert priority.raise_this_thread("microphone", in_callback=True) == ""

    thread = threading.Thread(target=callback)
    thread.start()
    thread.join()
    assert broker.threads == []
    priority.raise_waiting()
    assert broker.threads == numbers
    priority.raise_waiting()
    assert broker.threads == numbers, "once"


def test_a_callback_that_was_given_something_is_not_asked_for_again() -> None:
    broker = Given()
    priority = SystemPriority((Given(),), (broker,))
    assert priority.raise_this_thread("microphone", in_callback=True)
    priority.raise_waiting()
    assert broker.threads == []


def test_this_system_gives_something_or_nothing_but_never_fails() -> None:
    found: list[str] = []

    def ask() -> None:
        found.append(SystemPriority(slow_ways=()).raise_this_thread("test"))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert len(found) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="SCHED_RR is Linux's")
def test_the_threads_of_a_child_are_ordinary_ones() -> None:
    """A model process that is started from a sound thread must not run in real time."""
    policies: list[tuple[str, int]] = []

    def ask() -> None:
        given = SystemPriority(slow_ways=()).raise_this_thread("test")
        policies.append((given, os.sched_getscheduler(0)))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    ((given, policy),) = policies
    if not given.startswith("SCHED_RR"):
        pytest.skip("this user may not run threads in real time")
    assert policy & os.SCHED_RESET_ON_FORK


def test_the_stand_in_changes_nothing() -> None:
    priority = UnchangedPriority()
    assert priority.raise_this_thread("capture") == ""
    priority.raise_waiting()
    assert priority.names == ["capture"]
