"""What a person sees of the work."""

from __future__ import annotations

import io
from typing import Any

from app.batch.entries import Entry, Task
from app.batch.meter import Meter


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def row(name: str, error: str | None = None) -> dict[str, Any]:
    seconds = None if error else 2.0
    return {
        "id": name, "error": error, "duration_s": seconds, "reply_duration_s": None,
        "compute_s": seconds and seconds / 4,
    }  # fmt: skip


def test_totals_count_this_run_only() -> None:
    screen, shown = io.StringIO(), []
    with Meter(screen, is_quiet=False) as meter:
        meter.begin_many(4, shown.append)
        meter.ended(Entry("a"), row("a"), was_done=True)
        meter.ended(Entry("b"), row("b"), was_done=False)
        meter.ended(Entry("c"), row("c", "broken"), was_done=False)
        meter.ended(Entry("d"), row("d"), was_done=False)
        meter.tell_totals()
    last = screen.getvalue().splitlines()[-1]
    assert last == (
        "2 done: 4.0 s of sound in 1.0 s, real-time factor 0.25, 1 done before, 1 failed"
    )
    assert [seen["id"] for seen in shown] == ["b", "c", "d"]
    assert meter.n_ended == 3


def test_a_run_with_nothing_to_do_says_just_that() -> None:
    screen = io.StringIO()
    with Meter(screen, is_quiet=False) as meter:
        meter.begin_many(1, lambda _: None)
        meter.ended(Entry("a"), row("a"), was_done=True)
        meter.tell_totals()
    assert screen.getvalue().splitlines()[-1] == "1 done before"


def test_failures_are_told_once_with_their_name_also_in_quiet() -> None:
    screen = io.StringIO()
    with Meter(screen, is_quiet=True) as meter:
        meter.begin_many(2, lambda _: None)
        meter.ended(Entry("a.wav"), row("a.wav", "a.wav: is not there"), was_done=False)
        meter.ended(Entry("x"), row("x", "b.wav: is not there"), was_done=False)
        meter.tell_totals()
    assert screen.getvalue() == ("parley: a.wav: is not there\nparley: x: b.wav: is not there\n")


def test_the_bar_of_one_long_recording_runs_in_seconds_on_a_terminal_only() -> None:
    for screen, has_bar in ((_Terminal(), True), (io.StringIO(), False)):
        with Meter(screen, is_quiet=False) as meter:
            meter.begin_one(Task.TRANSCRIBE)
            meter.progress(30.0, 60.0)
            meter.progress(60.5, 60.0)
        assert ("60/60 s" in screen.getvalue()) == has_bar
