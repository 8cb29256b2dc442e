"""The first seconds of the assistant's own voice."""

from __future__ import annotations

from model.duplex.policy import WARM_UP_MS
from model.duplex.voice_tracker import WarmUp


def after(spoken_ms: float, *, has_converged: bool = False) -> WarmUp:
    warm_up = WarmUp()
    for _ in range(int(spoken_ms / 10.0)):
        warm_up.hear(is_agent_speaking=True, has_converged=has_converged, frame_ms=10.0)
    return warm_up


def test_at_first_a_voice_as_loud_as_echo_does_not_pass() -> None:
    assert not after(500).lets_through(5.0, has_words=False)


def test_words_and_a_clearly_louder_voice_pass() -> None:
    assert after(500).lets_through(5.0, has_words=True)
    assert after(500).lets_through(8.0, has_words=False)


def test_once_the_canceller_has_converged_every_voice_passes() -> None:
    assert after(500, has_converged=True).lets_through(0.0, has_words=False)


def test_three_seconds_of_speech_later_the_protection_is_over() -> None:
    assert after(WARM_UP_MS + 100.0).lets_through(0.0, has_words=False)


def test_silence_does_not_count() -> None:
    warm_up = WarmUp()
    for _ in range(1000):
        warm_up.hear(is_agent_speaking=False, has_converged=False, frame_ms=10.0)
    assert warm_up.is_protected


def test_another_stream_is_protected_again() -> None:
    warm_up = after(WARM_UP_MS + 100.0)
    warm_up.restart()
    assert warm_up.is_protected
