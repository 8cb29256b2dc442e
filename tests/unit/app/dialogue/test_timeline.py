"""Records of what happened."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dialogue.state import Phase
from app.dialogue.timeline import Entry, Timeline


def test_entries_come_by_time_and_ties_keep_their_order() -> None:
    timeline = Timeline(max_entries=None)
    timeline.record("late", 2.0)
    timeline.record("first", 1.0, n=1)
    timeline.record("second", 1.0, n=2)
    entries = timeline.entries()
    assert [entry["event"] for entry in entries] == ["first", "second", "late"]
    assert list(entries[0]) == ["t_s", "event", "n"]


def test_values_become_plain_json() -> None:
    timeline = Timeline()
    timeline.record(
        "all",
        np.float64(1.234567),
        level=np.float32(-12.5),
        count=np.int64(3),
        is_cut=True,
        phase=Phase.SPEAKING,
        nothing=None,
        spans={"think_ms": 1.23456, 2: (1.00001, [float("nan")])},
    )
    (entry,) = timeline.entries()
    assert entry == {
        "t_s": 1.2346,
        "event": "all",
        "level": -12.5,
        "count": 3,
        "is_cut": True,
        "phase": "speaking",
        "nothing": None,
        "spans": {"think_ms": 1.2346, "2": [1.0, [None]]},
    }
    assert type(entry["phase"]) is str
    assert type(entry["count"]) is int


@pytest.mark.parametrize("value", [object(), b"bytes", np.zeros(2)])
def test_what_json_cannot_hold_is_refused_at_once(value: object) -> None:
    timeline = Timeline()
    with pytest.raises(TypeError, match=type(value).__name__):
        timeline.record("bad", 0.0, value=value)
    assert timeline.entries() == ()


def test_live_use_keeps_the_newest() -> None:
    timeline = Timeline(max_entries=3)
    for number in range(5):
        timeline.record("tick", float(number))
    assert [entry["t_s"] for entry in timeline.entries()] == [2.0, 3.0, 4.0]


def test_a_scene_drops_nothing() -> None:
    timeline = Timeline(max_entries=None)
    for number in range(50_000):
        timeline.record("tick", float(number))
    assert len(timeline.entries()) == 50_000


def test_listeners_hear_each_record_and_may_record_themselves() -> None:
    timeline = Timeline()
    heard: list[Entry] = []

    def listener(entry: Entry) -> None:
        heard.append(entry)
        if entry["event"] == "interrupted":
            timeline.record("noted", 1.0)

    timeline.listen(listener)
    timeline.record("interrupted", 1.0)
    assert [entry["event"] for entry in heard] == ["interrupted", "noted"]


def test_threads_lose_no_record() -> None:
    timeline = Timeline(max_entries=None)

    def write(name: str) -> None:
        for number in range(1000):
            timeline.record(name, float(number))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = timeline.entries()
    assert len(entries) == 4000
    assert [e["t_s"] for e in entries] == sorted(float(e["t_s"]) for e in entries)  # type: ignore[arg-type]


@given(text=st.text(st.characters(exclude_categories=())), t_s=st.floats())
def test_any_text_and_time_can_be_written(text: str, t_s: float) -> None:
    timeline = Timeline()
    timeline.record("transcript_final", t_s, text=text)
    (entry,) = timeline.entries()
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode()
    assert b"\n" not in line
    assert json.loads(line)["event"] == "transcript_final"
