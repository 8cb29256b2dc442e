"""Which option stands on which page of the settings, and the pages that are more than options.

Knows the session's door; applies nothing by itself.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.commands import ChooseVoice, PreviewVoice, SessionPort, VoiceInfo, WeightInfo
from app.ui import tokens
from app.ui.controls import make_button, make_label
from app.ui.look import Look
from app.ui.option_fields import QuietComboBox
from app.ui.shortcuts import SHORTCUTS
from app.ui.voice_menu import VoiceList

PAGES = (
    "audio",
    "voice",
    "conversation",
    "models",
    "privacy",
    "appearance",
    "shortcuts",
    "advanced",
)

OPTIONS_OF: dict[str, tuple[str, ...]] = {
    "audio": (
        "audio.echo_cancellation",
        "audio.noise_suppression",
        "audio.gain_control",
        "audio.output_volume_db",
    ),
    "voice": ("voice.rate",),
    "conversation": (
        "conversation.mode",
        "conversation.patience",
        "conversation.allow_barge_in",
        "conversation.extra_stop_words",
        "conversation.language",
        "conversation.persona",
    ),
    "models": ("model.answers", "model.local_folder"),
    "privacy": ("privacy.record_audio", "privacy.keep_history", "privacy.offline"),
    "appearance": (
        "appearance.theme",
        "appearance.text_scale_percent",
        "appearance.reduce_motion",
        "appearance.ui_language",
    ),
}

SHOWN_ELSEWHERE = frozenset(
    {
        "audio.input_device",  # the device menus
        "audio.output_device",
        "voice.preset",  # the list of voices
        "appearance.show_history",  # the panes' own buttons
        "appearance.show_diagnostics",
    }
)


class BlendMaker(QWidget):
    """Two voices and how much of the second; heard before it is chosen."""

    def __init__(self, look: Look, session: SessionPort) -> None:
        super().__init__()
        self._session = session
        words = look.words
        self.first, self.second = QuietComboBox(), QuietComboBox()
        self.weight = QSlider(Qt.Orientation.Horizontal)
        self.weight.setRange(0, 100)
        self.weight.setValue(50)
        self.hear, self.use = make_button(), make_button()
        for widget, key in (
            (self.first, "voice.blend_first"),
            (self.second, "voice.blend_second"),
            (self.weight, "voice.blend_weight"),
            (self.hear, "voice.preview"),
            (self.use, "voice.use_blend"),
        ):
            widget.setAccessibleName(words(key))
        self.hear.setText(words("voice.preview"))
        self.use.setText(words("voice.use_blend"))
        voices = tuple(voice for voice in session.voices() if voice.is_available)
        for menu in (self.first, self.second):
            _fill(menu, voices)
        if self.second.count() > 1:
            self.second.setCurrentIndex(1)
        self.hear.clicked.connect(
            lambda: session.send(PreviewVoice(self.preset, session.settings().voice.rate))
        )
        self.use.clicked.connect(
            lambda: session.send(ChooseVoice(self.preset, session.settings().voice.rate))
        )
        self._arrange()

    @property
    def preset(self) -> str:
        first, second = self.first.currentData(), self.second.currentData()
        return f"{first}+{second}:{self.weight.value() / 100:g}"

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(tokens.SPACE_S)
        grid.addWidget(self.first, 0, 0)
        grid.addWidget(self.weight, 0, 1)
        grid.addWidget(self.second, 0, 2)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.hear)
        buttons.addWidget(self.use)
        grid.addLayout(buttons, 1, 0, 1, 3)


def voice_page(look: Look, session: SessionPort) -> list[QWidget]:
    voices = session.voices()
    widgets: list[QWidget] = [VoiceList(look, session.send, voices, session.settings().voice)]
    if sum(voice.is_available for voice in voices) >= 2:
        widgets += [make_label("section", look.words("voice.blend")), BlendMaker(look, session)]
    return widgets


def models_page(look: Look, models: tuple[WeightInfo, ...]) -> list[QWidget]:
    return [_model_card(look, model) for model in models]


class DeleteEverything(QWidget):
    """Asks before anything is gone (see ``ConversationActions``)."""

    asked = Signal()

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.button = make_button("danger")
        self.button.setText(look.words("privacy.delete_all"))
        self.button.setAccessibleName(look.words("privacy.delete_all"))
        self.button.clicked.connect(self.asked)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, tokens.SPACE_M, 0, 0)
        row.addWidget(self.button)
        row.addStretch(1)


def shortcuts_page(look: Look) -> QWidget:
    page = QWidget()
    grid = QGridLayout(page)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(tokens.SPACE_XL)
    grid.setVerticalSpacing(tokens.SPACE_M)
    grid.setColumnStretch(1, 1)
    for row, shortcut in enumerate(SHORTCUTS):
        grid.addWidget(make_label("number", shortcut.shown_keys(look.words)), row, 0)
        grid.addWidget(make_label("plain", look.words(shortcut.name_key), wraps=True), row, 1)
    return page


def first_run_again(look: Look, start: Callable[[], None]) -> QWidget:
    button = make_button()
    button.setText(look.words("first_run.again"))
    button.setAccessibleName(look.words("first_run.again"))
    button.clicked.connect(start)
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, tokens.SPACE_M, 0, 0)
    row.addWidget(button)
    row.addStretch(1)
    return holder


def _fill(menu: QuietComboBox, voices: tuple[VoiceInfo, ...]) -> None:
    for voice in voices:
        menu.addItem(voice.name, voice.id)


def _model_card(look: Look, model: WeightInfo) -> QWidget:
    words = look.words
    card = QFrame()
    card.setProperty("kind", "card")
    column = QVBoxLayout(card)
    column.setContentsMargins(tokens.SPACE_L, tokens.SPACE_M, tokens.SPACE_L, tokens.SPACE_M)
    column.setSpacing(2)
    column.addWidget(make_label("title", model.title, wraps=True))
    about = words("models.about", size=f"{model.megabytes:,.0f}", licence=model.licence)
    column.addWidget(make_label("caption", about, wraps=True))
    key = "models.present" if model.is_present else "models.absent"
    state = make_label("plain", words(key, name=model.name), wraps=True)
    state.setProperty("tone", "good" if model.is_present else "")
    state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    column.addWidget(state)
    return card
