"""The settings dialog: every declared option on a page, applied at once."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QListWidget,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.session.commands import ApplySettings, SessionPort
from app.session.snapshot import EngineSnapshot
from app.settings.option import OptionInfo, Value
from app.settings.settings import Settings, options
from app.ui.settings.devices_page import DeviceChoosers
from app.ui.settings.echo_test import EchoTest
from app.ui.settings.model_choice import ModelChoice
from app.ui.settings.models_page import ModelsPage
from app.ui.settings.option_fields import OptionRow
from app.ui.settings.settings_pages import (
    OPTIONS_OF,
    PAGES,
    SHOWN_ELSEWHERE,
    SideButton,
    VoicePage,
    shortcuts_page,
)
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import (
    empty_layout,
    make_button,
    make_hairline,
    make_label,
    make_scroll_area,
    show_text,
)

WIDTH, HEIGHT = 780, 620  # px at 100 %
NAVIGATION = 170


class SettingsDialog(QDialog):
    """A dialog that is rebuilt when the language or the text size changes."""

    delete_all_asked = Signal()
    delete_recordings_asked = Signal()
    first_run_asked = Signal()
    remove_weights_asked = Signal(tuple, str)  # names of files, title of their set

    def __init__(self, look: Look, session: SessionPort, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModal(False)
        self._look = look
        self._session = session
        self._draft = session.settings()
        self.rows: dict[str, OptionRow] = {}
        self.navigation = QListWidget()
        self.pages = QStackedWidget()
        self._outer = QHBoxLayout(self)
        self._outer.setContentsMargins(tokens.SPACE_M, tokens.SPACE_L, tokens.SPACE_M, 0)
        self._outer.setSpacing(tokens.SPACE_L)
        self._build()

    def set_look(self, look: Look) -> None:
        self._look = look
        page = self.navigation.currentRow()
        empty_layout(self._outer)
        self.rows.clear()
        self._build()
        self.navigation.setCurrentRow(page)

    def show_settings(self, settings: Settings) -> None:
        """Show the settings that the session uses."""
        self._draft = settings
        for row in self.rows.values():
            row.show_value(settings.value(row.info.section, row.info.key))
        self.model_choice.show_settings(settings)
        self.models.show_settings(settings)
        self.voices.show_settings(settings)

    def show_picture(self, picture: EngineSnapshot, elapsed_s: float) -> None:
        if self.isVisible():
            self.devices.show_picture(picture, elapsed_s)
            self.echo_test.show_picture(picture)
            self.model_choice.show_picture(picture)
            self.models.show_picture(picture)
            self.voices.show_picture(picture)

    def open_page(self, name: str) -> None:
        self.navigation.setCurrentRow(PAGES.index(name))

    def _build(self) -> None:
        look = self._look
        self.setWindowTitle(look.words("settings.title"))
        self.resize(min(look.px(WIDTH), 1100), min(look.px(HEIGHT), 820))
        self.setMinimumSize(480, 400)
        self.navigation = QListWidget()
        self.navigation.setAccessibleName(look.words("settings.pages"))
        self.navigation.setFixedWidth(look.px(NAVIGATION))
        self.navigation.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.pages = QStackedWidget()
        declared = {info.name: info for info in options()}
        for name in PAGES:
            self.navigation.addItem(look.words(f"settings.{name}"))
            infos = [declared[key] for key in OPTIONS_OF.get(name, ())]
            self.pages.addWidget(self._page(name, infos, self._extras(name)))
        self.navigation.currentRowChanged.connect(self.pages.setCurrentIndex)
        self.navigation.setCurrentRow(0)
        self._outer.addWidget(self.navigation)
        self._outer.addWidget(self.pages, 1)

    def _page(self, name: str, infos: list[OptionInfo], extras: list[QWidget]) -> QWidget:
        page = QWidget()
        page.setObjectName("page")
        column = QVBoxLayout(page)
        column.setContentsMargins(tokens.SPACE_S, 0, tokens.SPACE_L, tokens.SPACE_L)
        column.setSpacing(tokens.SPACE_S)
        column.addWidget(make_label("heading", self._look.words(f"settings.{name}")))
        column.addSpacing(tokens.SPACE_S)
        are_extras_first = name in ("audio", "voice")
        rows: list[QWidget] = [self._row(info) for info in infos]
        for widget in (*extras, *rows) if are_extras_first else (*rows, *extras):
            column.addWidget(widget)
        column.addStretch(1)
        return make_scroll_area(page)

    def _row(self, info: OptionInfo, *, has_reset: bool = False) -> OptionRow:
        value = self._draft.value(info.section, info.key)
        row = OptionRow(info, self._look, value, has_reset=has_reset)
        row.changed.connect(lambda new: self._apply(info, new))
        self.rows[info.name] = row
        return row

    def _apply(self, info: OptionInfo, value: Value) -> None:
        if self._draft.value(info.section, info.key) != value:
            self._draft = self._draft.with_value(info.section, info.key, value)
            self._session.send(ApplySettings(self._draft))

    def _extras(self, name: str) -> list[QWidget]:
        """Return what a page shows besides its options."""
        look, session = self._look, self._session
        match name:
            case "audio":
                self.devices = DeviceChoosers(look, session)
                self.echo_test = EchoTest(look, session.send)
                return [self.devices, self.echo_test, make_hairline()]
            case "voice":
                self.voices = VoicePage(look, session)
                return [self.voices]
            case "models":
                self.models = ModelsPage(look, session)
                self.models.remove_asked.connect(self.remove_weights_asked)
                self.model_choice = ModelChoice(look, session)
                return [self.model_choice, make_hairline(), self.models]
            case "privacy":
                recordings = SideButton(look, "privacy.delete_recordings", "danger")
                recordings.button.clicked.connect(self.delete_recordings_asked)
                self.delete_recordings = recordings.button
                everything = SideButton(look, "privacy.delete_all", "danger")
                everything.button.clicked.connect(self.delete_all_asked)
                self.delete_everything = everything.button
                return [recordings, everything]
            case "appearance":
                again = SideButton(look, "first_run.again")
                again.button.clicked.connect(self.first_run_asked)
                return [again]
            case "shortcuts":
                return [shortcuts_page(look)]
            case "advanced":
                return self._advanced_extras()
            case _:
                return []

    def _advanced_extras(self) -> list[QWidget]:
        """Return every option that no other page shows, by section, with default and reset."""
        placed = {name for names in OPTIONS_OF.values() for name in names} | SHOWN_ELSEWHERE
        widgets: list[QWidget] = []
        section = ""
        for info in options():
            if info.name in placed:
                continue
            if info.section != section:
                section = info.section
                heading = self._look.words(f"section.{section}")
                widgets.append(make_label("section", heading))
            widgets.append(self._row(info, has_reset=True))
        reset = make_button()
        show_text(reset, self._look.words("settings.reset_all"))
        reset.clicked.connect(self._reset_advanced)
        self.reset_all = reset
        return [*widgets, reset]

    def _reset_advanced(self) -> None:
        draft = self._draft
        for row in self.rows.values():
            if row.reset is not None:
                draft = draft.with_value(row.info.section, row.info.key, row.info.default)
        if draft != self._draft:
            self._session.send(ApplySettings(draft))
            self.show_settings(draft)
