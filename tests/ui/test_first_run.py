"""The first minute: shown once, skippable, each step alive."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QApplication

from app.dialogue.captions import CaptionLine
from app.dialogue.state import Phase
from app.session.commands import ChooseVoice, PreviewVoice
from app.session.commands import TestEcho as EchoTestCommand
from app.session.snapshot import DownloadInfo, EngineSnapshot
from app.ui.settings.first_run import STEPS, FirstRun
from tests.ui.conftest import Desk

LISTENING = EngineSnapshot(phase=Phase.LISTENING, mic_dbfs=-20)


def wizard_of(desk: Desk) -> FirstRun:
    QApplication.processEvents()
    assert desk.window.first_run is not None
    return desk.window.first_run


def test_it_opens_only_when_asked(make_desk: Callable[..., Desk]) -> None:
    assert make_desk(LISTENING).window.first_run is None
    wizard = wizard_of(make_desk(LISTENING, is_first_run=True))
    assert wizard.isVisible()
    assert not wizard.isModal()


def test_it_can_be_skipped(make_desk: Callable[..., Desk]) -> None:
    wizard = wizard_of(make_desk(LISTENING, is_first_run=True))
    wizard.skip.click()
    assert not wizard.isVisible()


def test_levels_move_while_devices_are_chosen(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING, is_first_run=True)
    wizard = wizard_of(desk)
    desk.tick(10)
    assert wizard.devices.input_meter.level > 0.5
    assert wizard.devices.output_meter.level == 0.0


def test_each_step_does_its_work_and_the_last_one_closes(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING, is_first_run=True)
    wizard = wizard_of(desk)
    wizard.next.click()
    wizard.echo_test.button.click()
    wizard.next.click()
    wizard.voices.previews["emma"].click()
    wizard.voices.choices["emma"].click()
    desk.tick()
    assert wizard.voices.choices["emma"].isChecked()
    wizard.next.click()
    assert wizard.pages.currentIndex() == len(STEPS) - 1
    desk.show(captions=(CaptionLine("u", "user", "It hears me", is_final=False),))
    assert wizard.heard.text() == "It hears me"
    wizard.next.click()
    assert not wizard.isVisible()
    assert desk.session.commands == [
        EchoTestCommand(),
        PreviewVoice("emma", 1.0),
        ChooseVoice("emma", 1.0),
    ]


def test_weights_that_are_loading_are_named(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING, is_first_run=True)
    wizard = wizard_of(desk)
    desk.show(loading="Kokoro", loading_fraction=0.5)
    assert wizard.progress.text() == "Loading Kokoro · 50%"


def test_a_download_shows_size_speed_and_time_left(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING, is_first_run=True)
    wizard = wizard_of(desk)
    moving = DownloadInfo(("a",), "a", 50_000_000, 200_000_000, 2_500_000.0, 60.0)
    desk.show(downloads=(moving,))
    assert wizard.progress.text() == "25% · 50 of 200 MB · 2.5 MB/s · 60 s left"
