"""Settings: each field changes its option, the session's word holds, the look follows at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox

from app.dialogue.state import Phase
from app.session.commands import ApplySettings, ChooseDevices, ChooseVoice, PreviewVoice
from app.session.snapshot import EngineSnapshot
from app.settings.option import OptionInfo, Value
from app.settings.settings import options
from app.ui.settings.settings_dialog import SettingsDialog
from app.ui.settings.settings_pages import PAGES, SHOWN_ELSEWHERE, BlendMaker
from app.ui.settings.voice_menu import VoiceList
from app.ui.theme.tokens import DARK, LIGHT
from tests.ui.conftest import Desk

SHOWN = [info for info in options() if info.name not in SHOWN_ELSEWHERE]


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    made = make_desk(EngineSnapshot(phase=Phase.LISTENING))
    made.window.open_settings()
    return made


def dialog_of(desk: Desk) -> SettingsDialog:
    assert desk.window.settings_dialog is not None
    return desk.window.settings_dialog


def another(info: OptionInfo, default: Value) -> Value:
    """A value that is allowed and is not the one there is."""
    option = info.option
    if isinstance(default, bool):
        return not default
    if option.choices:
        return next(choice for choice in option.choices if choice != default)
    if isinstance(default, (int, float)):
        low = option.minimum if option.minimum is not None else 0
        wanted = low if low != default else option.maximum
        assert wanted is not None
        return type(default)(wanted)
    return ("halt",) if isinstance(default, tuple) else "some words"


@pytest.mark.parametrize("info", SHOWN, ids=lambda info: info.name)
def test_every_option_goes_to_the_session_and_back(desk: Desk, info: OptionInfo) -> None:
    value = another(info, desk.session.settings().value(info.section, info.key))
    field = dialog_of(desk).rows[info.name].field
    if isinstance(field, QCheckBox):
        field.click()
    elif isinstance(field, QComboBox):
        field.setCurrentIndex(field.findData(value))
    elif isinstance(field, (QSpinBox, QDoubleSpinBox)):
        field.setValue(value)  # pyright: ignore[reportArgumentType]
    elif isinstance(field, QLineEdit):
        field.setText(", ".join(value) if isinstance(value, tuple) else str(value))
        field.editingFinished.emit()
    assert desk.session.settings().value(info.section, info.key) == value
    assert len(desk.sent(ApplySettings)) == 1
    desk.tick()
    assert dialog_of(desk).rows[info.name].value == value


def test_what_the_session_says_is_shown_and_not_sent_back(desk: Desk) -> None:
    changed = desk.session.settings().with_value("vad", "exit_ms", 500)
    desk.session.send(ApplySettings(changed))
    desk.session.commands.clear()
    desk.tick()
    assert dialog_of(desk).rows["vad.exit_ms"].value == 500
    assert desk.session.commands == []


def test_an_advanced_value_goes_back_to_its_default(desk: Desk) -> None:
    row = dialog_of(desk).rows["overlap.decide_ms"]
    assert row.reset is not None
    assert not row.reset.isEnabled()
    assert isinstance(row.field, QSpinBox)
    row.field.setValue(800)
    assert row.reset.isEnabled()
    row.reset.click()
    assert desk.session.settings().overlap.decide_ms == row.info.default


def test_the_whole_advanced_page_goes_back_in_one_step(desk: Desk) -> None:
    rows = dialog_of(desk).rows
    rows["vad.exit_ms"].field.setValue(900)
    rows["overlap.fade_ms"].field.setValue(90)
    desk.session.commands.clear()
    dialog_of(desk).reset_all.click()
    assert len(desk.session.commands) == 1
    assert desk.session.settings().vad.exit_ms == rows["vad.exit_ms"].info.default


def test_every_threshold_shows_its_unit(desk: Desk) -> None:
    for name, row in dialog_of(desk).rows.items():
        if isinstance(row.field, (QSpinBox, QDoubleSpinBox)) and row.info.option.unit:
            assert row.field.suffix().strip() == row.info.option.unit, name


def test_devices_are_chosen(desk: Desk) -> None:
    menu = dialog_of(desk).devices.input
    menu.setCurrentIndex(menu.findData("USB headset"))
    menu.activated.emit(menu.currentIndex())
    assert desk.sent(ChooseDevices) == [ChooseDevices("USB headset", None)]


def test_voices_are_heard_chosen_and_blended(desk: Desk) -> None:
    dialog = dialog_of(desk)
    voices = dialog.findChild(VoiceList)
    blend = dialog.findChild(BlendMaker)
    assert voices is not None
    assert blend is not None
    voices.previews["george"].click()
    blend.weight.setValue(30)
    blend.hear.click()
    blend.use.click()
    assert desk.session.commands == [
        PreviewVoice("george", 1.0),
        PreviewVoice("heart+emma:0.3", 1.0),
        ChooseVoice("heart+emma:0.3", 1.0),
    ]


def test_deleting_everything_asks_first(desk: Desk) -> None:
    desk.window.actions_on.confirm = lambda text, button: False
    dialog_of(desk).delete_everything.click()
    assert desk.session.history().list_conversations()
    desk.window.actions_on.confirm = lambda text, button: True
    dialog_of(desk).delete_everything.click()
    assert desk.session.history().list_conversations() == ()


def apply(desk: Desk, key: str, value: Value) -> None:
    desk.session.send(ApplySettings(desk.session.settings().with_value("appearance", key, value)))
    desk.tick()


def test_the_theme_changes_at_once(desk: Desk) -> None:
    assert LIGHT.ground in desk.window.styleSheet()
    apply(desk, "theme", "dark")
    assert DARK.ground in desk.window.styleSheet()
    assert desk.window.grab().toImage().pixelColor(240, 500).name() == DARK.ground


def test_the_language_changes_at_once_everywhere(desk: Desk) -> None:
    apply(desk, "ui_language", "zh")
    assert desk.window.middle.controls.hands_free.text() == "免提"
    assert desk.window.middle.state.word.text() == "正在听"
    assert desk.window.history.search.placeholderText() == "搜索"
    assert desk.window.diagnostics._title.text() == "运行情况"
    assert dialog_of(desk).navigation.item(0).text() == "音频"
    apply(desk, "ui_language", "en")
    assert desk.window.middle.controls.hands_free.text() == "Hands-free"


def test_the_text_grows_at_once(desk: Desk) -> None:
    before = desk.window.middle.state.word.sizeHint().height()
    apply(desk, "text_scale_percent", 200)
    assert desk.window.middle.state.word.sizeHint().height() > 1.7 * before


@pytest.mark.parametrize("page", PAGES)
def test_every_page_can_be_seen(desk: Desk, page: str) -> None:
    dialog_of(desk).open_page(page)
    assert dialog_of(desk).navigation.currentItem().text()
    assert not dialog_of(desk).grab().isNull()


def test_the_introduction_can_be_repeated(desk: Desk) -> None:
    dialog_of(desk).first_run_asked.emit()
    assert desk.window.first_run is not None
    assert desk.window.first_run.isVisible()
