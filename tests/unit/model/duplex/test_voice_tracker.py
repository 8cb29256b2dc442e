"""Whose voice it is, and how long it has lasted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from model.duplex.policy import TURN_OVER_MS, UNCONVERGED_DB
from model.duplex.voice_tracker import VoiceTracker
from tests.fakes.duplex import Stretch, over_reply, play, quiet, spotted, voice


def heard(stretches: Sequence[Stretch], tracker: VoiceTracker | None = None) -> VoiceTracker:
    tracker = tracker or VoiceTracker()
    for user, agent in play(stretches):
        tracker.hear(user, agent)
    return tracker


def test_a_click_is_a_sound_but_no_turn() -> None:
    tracker = heard([quiet(200), voice(60), quiet(100)])
    assert tracker.turn is None
    assert tracker.sound is not None


def test_a_faint_voice_is_silence() -> None:
    assert heard([voice(800, dbfs=-66.0), quiet(200)]).sound is None


def test_a_turn_knows_its_voice_its_pauses_and_its_silence() -> None:
    turn = heard([quiet(300), voice(800), quiet(400), voice(300), quiet(250)]).turn
    assert turn is not None
    assert turn.onset_s == pytest.approx(0.3)
    assert turn.voice_ms == pytest.approx(1100)
    assert turn.span_ms == pytest.approx(1500)
    assert turn.pauses_ms == [pytest.approx(400)]
    assert turn.run_ms == pytest.approx(300)
    assert turn.silence_ms(2.05) == pytest.approx(250)


def test_breaths_of_fluent_speech_are_no_pauses() -> None:
    turn = heard([voice(400), quiet(100), voice(400)]).turn
    assert turn is not None
    assert turn.pauses_ms == []
    assert turn.gap_ms == pytest.approx(100)


def test_a_voice_fades_out_below_the_level_at_which_it_began() -> None:
    fading = Stretch(100, p_speech=0.4, dbfs=-30.0)
    turn = heard([voice(300), fading, quiet(100)]).turn
    assert turn is not None
    assert turn.voice_ms == pytest.approx(400)
    assert heard([quiet(100), fading]).sound is None


def test_long_after_the_last_voice_the_turn_is_over() -> None:
    assert heard([voice(500), quiet(int(TURN_OVER_MS) - 500)]).turn is not None
    assert heard([voice(500), quiet(int(TURN_OVER_MS) + 500)]).turn is None


def test_a_reply_closes_the_turn_it_answers() -> None:
    assert heard([voice(500), quiet(500), over_reply(quiet(100))]).turn is None


def test_a_voice_over_the_reply_is_an_overlap_and_becomes_a_turn_when_the_reply_ends() -> None:
    tracker = heard([over_reply(quiet(1000)), over_reply(voice(600)), voice(400)])
    assert tracker.overlap is None
    assert tracker.turn is not None
    assert tracker.turn.voice_ms == pytest.approx(1000)


def test_a_short_voice_over_the_reply_leaves_no_turn() -> None:
    tracker = heard([over_reply(quiet(1000)), over_reply(voice(300)), over_reply(quiet(600))])
    assert tracker.overlap is None
    assert tracker.turn is None


def test_voices_close_together_are_one_overlap_voices_apart_are_two() -> None:
    begun = [over_reply(quiet(1000)), over_reply(voice(200))]
    near = heard([*begun, over_reply(quiet(200)), over_reply(voice(200))]).overlap
    far = heard([*begun, over_reply(quiet(400)), over_reply(voice(200))]).overlap
    assert near is not None
    assert far is not None
    assert near.voice_ms == pytest.approx(400)
    assert far.voice_ms == pytest.approx(200)


def test_residual_echo_is_learned_and_does_not_count_as_a_voice() -> None:
    echo = replace(over_reply(quiet(2000)), dbfs=-50.0)
    same_level = replace(over_reply(voice(500)), dbfs=-50.0)
    assert heard([echo, same_level]).sound is None
    louder = replace(same_level, dbfs=-30.0)
    assert heard([echo, louder]).sound is not None


def test_a_canceller_that_has_not_converged_raises_the_bar() -> None:
    def margin_db(*, has_converged: bool) -> float:
        stretch = replace(over_reply(voice(100)), has_converged=has_converged)
        return heard([over_reply(quiet(500)), stretch]).margin_db

    gap_db = margin_db(has_converged=True) - margin_db(has_converged=False)
    assert gap_db == pytest.approx(UNCONVERGED_DB)


def test_it_knows_how_long_the_assistant_has_been_speaking_and_silent() -> None:
    assert heard([quiet(500)]).silent_ms is None
    assert heard([over_reply(quiet(500))]).speaking_ms == pytest.approx(500)
    silent = heard([over_reply(quiet(500)), quiet(300)])
    assert silent.speaking_ms == 0.0
    assert silent.silent_ms == pytest.approx(300)


def test_to_forget_keeps_the_room_to_restart_does_not() -> None:
    echo = replace(over_reply(quiet(2000)), dbfs=-50.0)
    tracker = heard([echo, over_reply(voice(300))])
    assert tracker.overlap is not None
    tracker.forget()
    assert tracker.overlap is None
    assert tracker.speaking_ms > 0.0
    tracker.restart()
    assert tracker.speaking_ms == 0.0


def test_a_spotter_tells_a_soft_voice_from_a_loud_echo() -> None:
    soft = over_reply(voice(400, dbfs=-45.0), far_dbfs=-12.0)
    loud_far = over_reply(quiet(1000), far_dbfs=-12.0)
    assert heard([loud_far, soft]).overlap is None
    overlap = heard([loud_far, spotted(soft, p_speech=0.9)]).overlap
    assert overlap is not None
    assert overlap.voice_ms == pytest.approx(400)
