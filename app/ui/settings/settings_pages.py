"""The pages of the settings: which option stands where, and what is more than options."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSlider, QVBoxLayout, QWidget

from app.session.commands import ChooseVoice, PreviewVoice, SessionPort
from app.session.snapshot import EngineSnapshot
from app.settings.settings import Settings
from app.ui.settings.option_fields import QuietComboBox
from app.ui.settings.voice_menu import VoiceList
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import empty_layout, make_button, make_label, show_text
from app.ui.widgets.shortcuts import SHORTCUTS

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
        "conversation.endpointing_mode",
        "conversation.allow_barge_in",
        "conversation.extra_stop_words",
        "conversation.language",
        "conversation.persona",
    ),
    "models": ("model.answers", "model.precision", "model.rhythm"),
    "privacy": ("privacy.record_audio", "privacy.keep_history", "privacy.network"),
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
        "model.name",  # the list of models
        "appearance.show_history",  # the panes' own buttons
        "appearance.show_diagnostics",
    }
)


class BlendMaker(QWidget):
    """A form that blends two voices and previews the result."""

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
        voices = tuple(voice for voice in session.catalog.voices() if voice.is_available)
        for menu in (self.first, self.second):
            for voice in voices:
                menu.addItem(voice.name, voice.id)
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


class VoicePage(QWidget):
    """The page of all voices and of the blend, rebuilt when voices or files change."""

    def __init__(self, look: Look, session: SessionPort) -> None:
        super().__init__()
        self._look = look
        self._session = session
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(tokens.SPACE_S)
        self._preset = ""
        self._build()

    def show_picture(self, picture: EngineSnapshot) -> None:
        if self.voices.show_downloads(picture.downloads, picture.n_weight_changes):
            self._build()

    def show_settings(self, settings: Settings) -> None:
        if settings.voice.preset != self._preset:
            self._build()

    def _build(self) -> None:
        empty_layout(self._column)
        look, session = self._look, self._session
        self._preset = session.settings().voice.preset
        self.voices = VoiceList(look, session)
        self._column.addWidget(self.voices)
        if sum(voice.is_available for voice in session.catalog.voices()) >= 2:
            self._column.addWidget(make_label("section", look.words("voice.blend")))
            self._column.addWidget(BlendMaker(look, session))


class SideButton(QWidget):
    """A button named by ``words`` at the left of its row."""

    def __init__(self, look: Look, words: str, look_name: str = "") -> None:
        super().__init__()
        self.button = make_button(look_name)
        show_text(self.button, look.words(words))
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
