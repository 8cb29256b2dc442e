"""After a bad moment it can be marked where the user is, if there is sound to save."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest

from app.messages.notices import Notice, NoticeKind
from app.replay.marks import BadMoment
from app.session.commands import ApplySettings, DeleteRecordings, MarkMoment
from app.settings.settings import Settings
from tests.ui.conftest import Desk
from tests.ui.test_structure import assert_whole

KINDS = list(BadMoment)


def switch_recording(desk: Desk, *, is_on: bool) -> None:
    settings = desk.session.settings().with_value("privacy", "record_audio", is_on)
    desk.session.send(ApplySettings(settings))
    desk.tick()


def entries(desk: Desk) -> dict[str, QAction]:
    menu = desk.window.actions_on.menu(1)
    return {action.text(): action for action in menu.actions() if action.text()}


@pytest.fixture
def desk(state_desk: Callable[..., Desk]) -> Desk:
    return state_desk("interrupted")


@pytest.fixture
def recording(desk: Desk) -> Desk:
    switch_recording(desk, is_on=True)
    return desk


def test_there_are_no_buttons_where_nothing_is_recorded(desk: Desk) -> None:
    assert not Settings().privacy.record_audio
    assert not desk.window.middle.controls.bad_moments.isVisible()


@pytest.mark.parametrize("kind", KINDS)
def test_a_button_marks_the_moment(recording: Desk, kind: BadMoment) -> None:
    button = recording.window.middle.controls.bad_buttons[kind]
    assert button.isVisible()
    assert button.accessibleName()
    assert "20 seconds" in button.toolTip()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert recording.sent(MarkMoment) == [MarkMoment(kind)]


def test_the_buttons_leave_when_recording_is_switched_off(recording: Desk) -> None:
    switch_recording(recording, is_on=False)
    assert not recording.window.middle.controls.bad_moments.isVisible()


def test_in_a_small_window_the_menu_is_left(recording: Desk) -> None:
    recording.window.resize(480, 560)
    recording.tick(3)
    assert not recording.window.middle.controls.bad_moments.isVisible()
    entries(recording)["Cut me off"].trigger()
    assert recording.sent(MarkMoment) == [MarkMoment(BadMoment.CUT_ME_OFF)]


@pytest.mark.parametrize(
    ("key", "kind"), [(Qt.Key.Key_1, BadMoment.CUT_ME_OFF), (Qt.Key.Key_2, BadMoment.IGNORED_ME)]
)
def test_a_key_marks_the_moment(recording: Desk, key: Qt.Key, kind: BadMoment) -> None:
    recording.window.activateWindow()
    QTest.keyClick(recording.window, key, Qt.KeyboardModifier.ControlModifier)
    assert recording.sent(MarkMoment) == [MarkMoment(kind)]


def test_without_recording_the_menu_says_what_is_missing(desk: Desk) -> None:
    found = entries(desk)
    action = found["Cut me off (needs “Record audio” in the settings)"]
    assert not action.isEnabled()
    assert "no sound" in action.toolTip()
    assert any(text.startswith("Ignored me (needs") for text in found)


def test_the_notice_about_it_leads_to_the_privacy_page(desk: Desk) -> None:
    off = Notice(
        "recording", NoticeKind.INFO, "Recording is off.", "open_privacy_settings", "Privacy"
    )
    desk.show(notices=(off,))
    button = desk.window.middle.notices.buttons["recording"]
    assert button.text() == "Privacy settings"
    button.click()
    dialog = desk.window.settings_dialog
    assert dialog is not None
    assert dialog.navigation.currentItem().text() == "Privacy"


@pytest.mark.parametrize("is_sure", [True, False])
def test_recordings_are_deleted_only_after_asking(
    desk: Desk, is_sure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(text: str, _button: str) -> bool:
        asked.append(text)
        return is_sure

    monkeypatch.setattr(desk.window.actions_on, "confirm", answer)
    desk.window.open_settings("privacy")
    dialog = desk.window.settings_dialog
    assert dialog is not None
    dialog.delete_recordings.click()
    assert len(asked) == 1
    assert len(desk.sent(DeleteRecordings)) == is_sure


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("percent", [80, 100, 200])
@pytest.mark.parametrize("size", [(1240, 800), (900, 700), (480, 560)])
def test_the_window_is_whole_with_them(
    state_desk: Callable[..., Desk], size: tuple[int, int], percent: int, language: str
) -> None:
    desk = state_desk(
        "interrupted", size=size, text_scale_percent=percent, language=language,
        show_diagnostics=True,
    )  # fmt: skip
    switch_recording(desk, is_on=True)
    desk.tick(3)
    assert_whole(desk.window)
