"""The echo test: only what was measured while its own sound played counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.dialogue.state import Phase
from app.session.commands import TestEcho as EchoTestCommand
from app.session.snapshot import Diagnostics, EngineSnapshot
from app.ui.settings.echo_test import EchoTest, Verdict, verdict_of
from tests.ui.conftest import Desk

STALE = Diagnostics(echo_return_loss_db=40, has_echo_converged=True)
FRESH = Diagnostics(echo_return_loss_db=34, has_echo_converged=True)


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    made = make_desk(EngineSnapshot(now_s=10, phase=Phase.LISTENING, diagnostics=STALE))
    made.window.open_settings()
    return made


def test_of(desk: Desk) -> EchoTest:
    assert desk.window.settings_dialog is not None
    return desk.window.settings_dialog.echo_test


test_of.__test__ = False


def pass_time(desk: Desk, seconds: float, **picture: object) -> None:
    for _ in range(round(seconds * 10)):
        desk.show(now_s=desk.session.picture.now_s + 0.1, **picture)


def test_nothing_is_claimed_before_the_test(desk: Desk) -> None:
    pass_time(desk, 0.5, out_dbfs=-20)
    assert "40" not in test_of(desk).result.text()


def test_it_listens_until_its_own_sound_was_measured(desk: Desk) -> None:
    test = test_of(desk)
    test.button.click()
    assert desk.sent(EchoTestCommand) == [EchoTestCommand()]
    pass_time(desk, 1.0, out_dbfs=-120)
    assert test.result.text().startswith("Listening …")
    pass_time(desk, 0.5, out_dbfs=-20)
    assert test.verdict is None
    pass_time(desk, 1.0, diagnostics=FRESH)
    assert test.verdict is Verdict.GOOD
    assert "34 dB" in test.result.text()
    assert "interrupt" in test.result.text()


def test_after_the_sound_the_result_stays(desk: Desk) -> None:
    test = test_of(desk)
    test.button.click()
    pass_time(desk, 1.5, out_dbfs=-20, diagnostics=FRESH)
    pass_time(desk, 1.5, out_dbfs=-120)
    pass_time(desk, 0.5, diagnostics=Diagnostics(echo_return_loss_db=3))
    assert test.verdict is Verdict.GOOD


def test_an_unsettled_canceller_is_judged_when_the_sound_is_over(desk: Desk) -> None:
    test = test_of(desk)
    test.button.click()
    noisy = Diagnostics(echo_return_loss_db=-4, has_echo_converged=False)
    pass_time(desk, 1.5, out_dbfs=-20, diagnostics=noisy)
    assert test.verdict is None
    pass_time(desk, 1.5, out_dbfs=-120)
    assert test.verdict is Verdict.WEAK
    assert "−0 dB" in test.result.text()


def test_silence_is_said(desk: Desk) -> None:
    test = test_of(desk)
    test.button.click()
    pass_time(desk, 8.5, out_dbfs=-120)
    assert test.verdict is Verdict.SILENT
    assert "No sound" in test.result.text()


@pytest.mark.parametrize(
    ("loss_db", "has_converged", "verdict"),
    [
        (34.0, True, Verdict.GOOD),
        (3.0, True, Verdict.NO_ECHO),
        (25.0, False, Verdict.UNSETTLED),
        (9.0, False, Verdict.WEAK),
        (None, False, Verdict.SILENT),
    ],
)
def test_each_measurement_has_its_advice(
    loss_db: float | None, has_converged: bool, verdict: Verdict
) -> None:
    health = Diagnostics(echo_return_loss_db=loss_db, has_echo_converged=has_converged)
    assert verdict_of(health) is verdict
