from __future__ import annotations

from app.session.audio_checks import SilenceWatch


def test_a_microphone_that_never_gave_sound_is_mute() -> None:
    watch = SilenceWatch()
    assert not watch.is_mute(1.0, -120.0, is_dead=False)
    assert watch.is_mute(2.0, -120.0, is_dead=True)


def test_one_that_is_gated_between_sentences_is_not() -> None:
    watch = SilenceWatch()
    watch.is_mute(1.0, -30.0, is_dead=False)
    assert not watch.is_mute(15.0, -120.0, is_dead=True)


def test_one_that_fell_silent_long_ago_is() -> None:
    watch = SilenceWatch()
    watch.is_mute(1.0, -30.0, is_dead=False)
    assert watch.is_mute(22.0, -120.0, is_dead=True)
    assert not watch.is_mute(22.5, -60.0, is_dead=False)
