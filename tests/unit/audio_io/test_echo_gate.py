from __future__ import annotations

from audio_io.echo_gate import EchoGate
from audio_io.frames import level_dbfs
from tests.fakes.audio import tone

ECHO = 0.1 * tone(0.01)
FAR_DBFS, SILENT_DBFS = -20.0, -120.0


def _after_an_echo(n_frames: int = 100) -> EchoGate:
    gate = EchoGate()
    for _ in range(n_frames):
        gate.update(ECHO, FAR_DBFS, 0.5 * ECHO, is_quiet=True)
    return gate


def test_a_window_that_was_mostly_cancelled_is_echo() -> None:
    gate = _after_an_echo()
    for _ in range(4):
        gate.update(10 * ECHO, FAR_DBFS, ECHO, is_quiet=False)
    assert gate.is_echo(-10.0, is_speech=True)


def test_speech_does_not_begin_softer_than_the_echo() -> None:
    gate = _after_an_echo()
    echo_dbfs = level_dbfs(ECHO)
    assert gate.is_echo(echo_dbfs - 8.0, is_speech=False)
    assert not gate.is_echo(echo_dbfs - 4.0, is_speech=False)
    assert not gate.is_echo(echo_dbfs - 8.0, is_speech=True)


def test_the_users_own_voice_does_not_raise_the_bar() -> None:
    gate = _after_an_echo()
    for _ in range(200):
        gate.update(30 * ECHO, FAR_DBFS, 30 * ECHO, is_quiet=False)
    assert not gate.is_echo(level_dbfs(ECHO), is_speech=False)


def test_when_the_far_end_is_silent_everything_passes() -> None:
    gate = _after_an_echo()
    for _ in range(31):
        gate.update(ECHO, SILENT_DBFS, 0.01 * ECHO, is_quiet=True)
    assert not gate.is_echo(-80.0, is_speech=False)
