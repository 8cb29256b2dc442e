"""Threads are born and joined in one place."""

from __future__ import annotations

from threading import Event

import pytest

from app.engine.threads import ThreadGroup


def test_members_are_stopped_youngest_first_and_joined() -> None:
    threads = ThreadGroup(lambda name, message, is_over: None)
    order: list[str] = []
    for name in ("first", "second"):
        stop = Event()

        def halt(name: str = name, stop: Event = stop) -> None:
            order.append(name)
            stop.set()

        threads.start(name, stop.wait, halt)
    assert threads.join() == ()
    assert order == ["second", "first"]


@pytest.mark.allow_warnings
def test_a_body_that_raises_is_reported_and_entered_again() -> None:
    failures: list[tuple[str, str, bool]] = []
    entered: list[int] = []
    stop, is_back = Event(), Event()
    threads = ThreadGroup(lambda name, message, is_over: failures.append((name, message, is_over)))

    def body() -> None:
        entered.append(1)
        if len(entered) == 1:
            raise ValueError("broken")
        is_back.set()
        stop.wait()

    threads.start("capture", body, stop.set)
    assert is_back.wait(5.0)
    assert threads.join() == ()
    assert failures == [("capture", "ValueError: broken", False)]


@pytest.mark.allow_warnings
def test_a_body_that_keeps_raising_is_given_up() -> None:
    failures: list[bool] = []
    is_over = Event()

    def note(_name: str, _message: str, over: bool) -> None:
        failures.append(over)
        if over:
            is_over.set()

    def body() -> None:
        raise ValueError("broken")

    threads = ThreadGroup(note)
    threads.start("duplex", body, lambda: None)
    assert is_over.wait(5.0)
    assert threads.join() == ()
    assert failures == [False, False, True]
