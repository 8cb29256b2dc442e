"""Silences and timers on a scripted voice."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from app.evaluation.turn_taking.silences import by_energy, silences, timer_ends
from model.duplex.offline import HeardFrame
from tests.fakes.bench import heard_voice


def test_silences_lie_between_voices_and_the_last_goes_on() -> None:
    found = silences(
        heard_voice((0.5, False), (1.0, True), (0.7, False), (0.5, True), (2.0, False))
    )
    assert [(s.start_s, s.seconds, s.voice_before_s) for s in found] == [
        (pytest.approx(1.5), pytest.approx(0.7), pytest.approx(1.0)),
        (pytest.approx(2.7), math.inf, pytest.approx(0.5)),
    ]


def test_a_recording_without_a_voice_has_no_silence_worth_the_name() -> None:
    assert silences(heard_voice((2.0, False))) == ()
    assert silences(()) == ()


def test_a_voice_to_the_end_is_followed_by_a_silence_to_come() -> None:
    (last,) = silences(heard_voice((0.5, False), (1.0, True)))
    assert (last.start_s, last.seconds) == (pytest.approx(1.5), math.inf)


def test_a_timer_ends_where_the_silence_lasts_and_only_once() -> None:
    frames = heard_voice((1.0, True), (0.7, False), (1.0, True), (2.0, False))
    found = silences(frames)
    assert timer_ends(found, 0.5, 4.7) == (pytest.approx(1.5), pytest.approx(3.2))
    assert timer_ends(found, 1.0, 4.7) == (pytest.approx(3.7),)


def test_a_timer_that_outlasts_the_recording_never_ends() -> None:
    assert timer_ends(silences(heard_voice((1.0, True), (1.0, False))), 1.5, 2.0) == ()


def test_a_click_opens_no_turn() -> None:
    assert timer_ends(silences(heard_voice((0.05, True), (2.0, False))), 0.5, 2.05) == ()


def test_energy_takes_all_that_is_loud_for_a_voice() -> None:
    frames = heard_voice((1.0, False), (0.5, True), (1.0, False))
    loud = tuple(
        HeardFrame(replace(heard.user, p_speech=0.0), heard.event) for heard in frames
    )  # no voice to a detector of voices
    assert silences(loud) == ()
    (last,) = silences(by_energy(loud))
    assert last.start_s == pytest.approx(1.5)


def test_what_goes_on_becomes_the_floor_of_energy() -> None:
    frames = heard_voice((1.0, False), (20.0, True))
    heard = by_energy(frames)
    assert heard[150].user.p_speech == 1.0
    assert heard[-1].user.p_speech == 0.0
