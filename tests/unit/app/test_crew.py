"""Threads are born and joined in one place."""

from __future__ import annotations

import logging
from threading import Event

import pytest

from app.crew import Crew


def test_members_are_stopped_youngest_first_and_joined() -> None:
    crew = Crew(lambda name, message: None)
    order: list[str] = []
    for name in ("first", "second"):
        stop = Event()

        def halt(name: str = name, stop: Event = stop) -> None:
            order.append(name)
            stop.set()

        crew.hire(name, stop.wait, halt)
    assert crew.dismiss() == ()
    assert order == ["second", "first"]


@pytest.mark.allow_warnings
def test_a_body_that_raises_is_reported_by_name(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[tuple[str, str]] = []
    crew = Crew(lambda name, message: failures.append((name, message)))

    def body() -> None:
        raise ValueError("broken")

    with caplog.at_level(logging.ERROR):
        crew.hire("capture", body, lambda: None)
        crew.dismiss()
    assert failures == [("capture", "ValueError: broken")]
