"""When headphones are advised."""

from __future__ import annotations

import pytest

from app.dialogue.events import PlaybackEnded, PlaybackStarted
from app.messages.notices import Notice
from app.session.audio_checks import EchoWatch
from audio_io.events import PlayoutReport
from tests.fakes.parts import Headphones


class Room:
    """A watch, the canceller it looks at, and the notices that are up."""

    def __init__(self, *, is_switched_off: bool = False) -> None:
        self.canceller = Headphones()
        self.canceller.has_converged = False
        self.shown: dict[str, str] = {}
        self.watch = EchoWatch(self, self._notify, lambda: is_switched_off)  # pyright: ignore[reportArgumentType]

    def _notify(self, notice: Notice) -> None:
        self.shown = {notice.key: notice.message} if notice.text else {}

    def reply(self, seconds: float) -> None:
        self.watch.on_event(PlaybackStarted(1, 10.0), 10.0)
        end_s = 10.0 + seconds
        report = PlayoutReport(1, int(seconds * 24_000), 5, False, False, end_s)
        self.watch.on_event(PlaybackEnded(report, end_s), end_s)


def test_without_cancellation_headphones_are_advised_with_the_first_sound() -> None:
    room = Room(is_switched_off=True)
    assert room.shown == {}
    room.reply(0.5)
    assert room.shown == {"echo": "echo_off"}


def test_an_echo_that_stays_is_told_after_some_seconds_and_taken_back() -> None:
    room = Room()
    room.reply(3.0)
    assert room.shown == {}
    room.reply(4.0)
    assert room.shown == {"echo": "echo_weak"}
    room.canceller.has_converged = True
    room.reply(1.0)
    assert room.shown == {}


@pytest.mark.parametrize("seconds", [1.0, 30.0])
def test_a_canceller_that_works_needs_no_advice(seconds: float) -> None:
    room = Room()
    room.canceller.has_converged = True
    room.reply(seconds)
    assert room.shown == {}
