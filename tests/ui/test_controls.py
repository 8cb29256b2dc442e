"""Each control and each key sends its command."""

from __future__ import annotations

import string
from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from app.dialogue.events import (
    MicrophoneSwitched,
    ModeChosen,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextSubmitted,
)
from app.dialogue.state import Phase
from app.messages import notices
from app.messages.notices import Notice, NoticeKind, NoticeTemplate
from app.session.commands import ApplySettings, ChooseVoice, NewConversation, PreviewVoice
from app.session.snapshot import EngineSnapshot
from app.ui.notices_bar import notice_text
from app.ui.theme.translations import load_catalogue, read_words
from tests.ui.conftest import Desk

LISTENING = EngineSnapshot(phase=Phase.LISTENING, conversation_id=4)


def test_the_microphone_button_switches_it(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    microphone = desk.window.middle.controls.microphone
    microphone.click()
    desk.tick()
    assert microphone.accessibleName() == "Switch the microphone on"
    microphone.click()
    assert desk.sent(MicrophoneSwitched) == [MicrophoneSwitched(False), MicrophoneSwitched(True)]


def test_the_microphone_button_is_held_in_hold_to_talk(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(EngineSnapshot(phase=Phase.LISTENING, is_hands_free=False))
    microphone = desk.window.middle.controls.microphone
    QTest.mousePress(microphone, Qt.MouseButton.LeftButton)
    assert desk.session.commands == [TalkPressed()]
    QTest.mouseRelease(microphone, Qt.MouseButton.LeftButton)
    assert desk.session.commands == [TalkPressed(), TalkReleased()]


def test_the_mode_is_chosen(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    controls = desk.window.middle.controls
    controls.hold_to_talk.click()
    desk.tick()
    assert controls.hold_to_talk.isChecked()
    controls.hands_free.click()
    assert desk.sent(ModeChosen) == [ModeChosen(False), ModeChosen(True)]


def test_stop_is_offered_only_while_there_is_something_to_stop(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(LISTENING)
    stop = desk.window.middle.controls.stop
    assert not stop.isEnabled()
    desk.show(phase=Phase.SPEAKING)
    stop.click()
    assert desk.session.commands == [StopRequested()]


def test_typed_words_are_sent_once_and_trimmed(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    text = desk.window.middle.controls.text
    QTest.keyClicks(text, "  hello there ")
    QTest.keyClick(text, Qt.Key.Key_Return)
    QTest.keyClick(text, Qt.Key.Key_Return)
    assert desk.session.commands == [TextSubmitted("hello there")]
    assert text.text() == ""


def test_speed_is_sent_with_the_voice(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    desk.window.middle.controls.speed.setValue(125)
    assert desk.sent(ChooseVoice) == [ChooseVoice("heart", 1.25)]


def test_voices_are_previewed_and_chosen(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    voices = desk.window.open_voice_menu().voices
    voices.previews["emma"].click()
    voices.choices["emma"].click()
    desk.tick()
    assert desk.session.commands == [PreviewVoice("emma", 1.0), ChooseVoice("emma", 1.0)]
    assert "Emma" in desk.window.middle.controls.voice_button.text()


def test_a_model_with_one_voice_leaves_no_choice(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    button = desk.window.middle.controls.voice_button
    desk.show(only_voice="VITA")
    assert "VITA" in button.text()
    assert not button.isEnabled()
    desk.show(only_voice="")
    assert "VITA" not in button.text()
    assert button.isEnabled()


def test_a_voice_that_is_not_there_cannot_be_chosen(make_desk: Callable[..., Desk]) -> None:
    voices = make_desk(LISTENING).window.open_voice_menu().voices
    assert not voices.choices["puck"].isEnabled()


@pytest.mark.parametrize("index", range(3))
def test_a_suggestion_is_submitted(make_desk: Callable[..., Desk], index: int) -> None:
    desk = make_desk(EngineSnapshot(phase=Phase.LISTENING))
    suggestion = desk.window.middle.empty.suggestions[index]
    QTest.mouseClick(suggestion, Qt.MouseButton.LeftButton, pos=QPoint(20, 10))
    assert desk.session.commands == [TextSubmitted(suggestion.words)]


def press(desk: Desk, key: Qt.Key, control: bool = False) -> None:
    modifiers = Qt.KeyboardModifier.ControlModifier if control else Qt.KeyboardModifier.NoModifier
    desk.window.activateWindow()
    QApplication.processEvents()
    QTest.keyClick(desk.window, key, modifiers)
    QApplication.processEvents()


@pytest.mark.parametrize(
    ("key", "control", "command"),
    [
        (Qt.Key.Key_Escape, False, StopRequested()),
        (Qt.Key.Key_M, True, MicrophoneSwitched(False)),
        (Qt.Key.Key_N, True, NewConversation()),
    ],
)
def test_keys_send_commands(
    make_desk: Callable[..., Desk], key: Qt.Key, control: bool, command: object
) -> None:
    desk = make_desk(LISTENING)
    press(desk, key, control)
    assert desk.session.commands == [command]


def test_ctrl_f_goes_to_the_search(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    press(desk, Qt.Key.Key_F, control=True)
    assert desk.window.history.search.hasFocus()


@pytest.mark.parametrize(("key", "page"), [(Qt.Key.Key_Comma, 0), (Qt.Key.Key_F1, 6)])
def test_keys_open_the_settings(make_desk: Callable[..., Desk], key: Qt.Key, page: int) -> None:
    desk = make_desk(LISTENING)
    press(desk, key, control=key is Qt.Key.Key_Comma)
    dialog = desk.window.settings_dialog
    assert dialog is not None
    assert dialog.isVisible()
    assert not dialog.isModal()
    assert dialog.navigation.currentRow() == page


@pytest.mark.parametrize(
    ("key", "name"), [(Qt.Key.Key_I, "show_diagnostics"), (Qt.Key.Key_B, "show_history")]
)
def test_panes_fold_and_stay_folded(make_desk: Callable[..., Desk], key: Qt.Key, name: str) -> None:
    desk = make_desk(LISTENING)
    before = getattr(desk.session.settings().appearance, name)
    press(desk, key, control=True)
    assert getattr(desk.session.settings().appearance, name) is not before
    assert len(desk.sent(ApplySettings)) == 1
    pane = desk.window.diagnostics if key is Qt.Key.Key_I else desk.window.history
    assert pane.isVisible() is not before


def test_in_a_narrow_window_a_pane_covers_the_middle_and_gives_it_back(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(LISTENING, size=(480, 560))
    assert not desk.window.history.isVisible()
    press(desk, Qt.Key.Key_B, control=True)
    assert desk.window.history.isVisible()
    assert not desk.window.middle.isVisible()
    press(desk, Qt.Key.Key_B, control=True)
    assert desk.window.middle.isVisible()
    assert desk.sent(ApplySettings) == []


def test_space_held_talks(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    desk.window.middle.controls.microphone.setFocus()
    target = desk.window.middle.controls.microphone
    QTest.keyPress(target, Qt.Key.Key_Space)
    assert desk.session.commands == [TalkPressed()]
    QTest.keyRelease(target, Qt.Key.Key_Space)
    assert desk.session.commands == [TalkPressed(), TalkReleased()]


def test_space_is_a_space_where_words_are_typed(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    text = desk.window.middle.controls.text
    text.setFocus()
    QTest.keyClicks(text, "a b")
    assert text.text() == "a b"
    assert desk.session.commands == []


def test_return_presses_the_button_in_focus(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    QTest.keyClick(desk.window.middle.controls.microphone, Qt.Key.Key_Return)
    assert desk.session.commands == [MicrophoneSwitched(False)]


def test_losing_the_window_lets_go_of_space(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    QTest.keyPress(desk.window.middle, Qt.Key.Key_Space)
    desk.window.open_settings()
    desk.window._space._let_go()
    assert desk.session.commands == [TalkPressed(), TalkReleased()]


def test_a_notice_speaks_the_windows_language(make_desk: Callable[..., Desk]) -> None:
    lost = Notice(
        "device", NoticeKind.INFO, "Sound is back: Headset.",
        message="device_returned", values=(("name", "Headset"),),
    )  # fmt: skip
    unknown = Notice("new", NoticeKind.INFO, "Something else.", message="not_translated_yet")
    assert notice_text(lost, load_catalogue("en")) == "Sound is back: Headset."
    assert notice_text(lost, load_catalogue("zh")) == "声音已恢复：Headset。"
    assert notice_text(unknown, load_catalogue("zh")) == "Something else."
    desk = make_desk(language="zh")
    desk.show(notices=(lost,))
    assert any("声音已恢复" in label.text() for label in desk.window.middle.findChildren(QLabel))


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_notice_the_program_sends_has_chinese_words() -> None:
    templates = {
        found.message: found.text
        for found in vars(notices).values()
        if isinstance(found, NoticeTemplate)
    }
    written = {
        key.removeprefix("message."): text
        for key, text in read_words("zh").items()
        if key.startswith("message.")
    }
    others = {"history_in_memory", "history_not_kept", "history_put_aside", "settings_problem"}
    assert written.keys() == templates.keys() | others
    for message, text in templates.items():
        assert places(written[message]) == places(text), message


def test_a_notice_about_models_opens_their_page(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    failed = Notice("weights", NoticeKind.ERROR, "No room.", "open_models_settings", "Models")
    desk.show(notices=(failed,))
    desk.window.middle.notices.buttons["weights"].click()
    dialog = desk.window.settings_dialog
    assert dialog is not None
    assert dialog.navigation.currentItem().text() == "Models"
