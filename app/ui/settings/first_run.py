"""The introduction: devices, echo, a voice, a spoken sentence. Every step can be skipped."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.session.commands import SessionPort
from app.session.snapshot import EngineSnapshot
from app.settings.settings import Settings
from app.ui.settings.devices_page import DeviceChoosers
from app.ui.settings.echo_test import EchoTest
from app.ui.settings.voice_menu import VoiceList
from app.ui.status.progress_text import download_words, loading_words
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import make_button, make_hairline, make_label, make_scroll_area
from app.ui.widgets.level_meter import LevelMeter

STEPS = ("devices", "echo", "voice", "say")
WIDTH, HEIGHT = 560, 560  # px at 100 %


class FirstRun(QDialog):
    """A dialog that is not modal, because its last step talks to the window behind it."""

    finished_all = Signal()

    def __init__(self, look: Look, session: SessionPort, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModal(False)
        self._look = look
        self._session = session
        words = look.words
        self.setWindowTitle(words("first_run.title"))
        self.resize(min(look.px(WIDTH), 900), min(look.px(HEIGHT), 820))
        self.devices = DeviceChoosers(look, session)
        self.echo_test = EchoTest(look, session.send)
        self._holder = QVBoxLayout()
        self.voices = self._voice_list()
        self._holder.addWidget(self.voices)
        self.heard = make_label("heading", words("first_run.waiting"), wraps=True)
        self.heard.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.meter = LevelMeter(look, "user", "control.mic_level")
        self.progress = make_label("caption", wraps=True)
        self.skip, self.back, self.next = (
            make_button("quiet"),
            make_button(),
            make_button("primary"),
        )
        self.pages = QStackedWidget()
        self._arrange()
        self.skip.setText(words("first_run.skip"))
        self.back.setText(words("first_run.back"))
        self.skip.clicked.connect(self.close)
        self.back.clicked.connect(lambda: self._go(self.pages.currentIndex() - 1))
        self.next.clicked.connect(lambda: self._go(self.pages.currentIndex() + 1))
        self._go(0)

    def show_picture(self, picture: EngineSnapshot, elapsed_s: float) -> None:
        if not self.isVisible():
            return
        self.devices.show_picture(picture, elapsed_s)
        self.echo_test.show_picture(picture)
        self.meter.show_level(picture.mic_dbfs, elapsed_s)
        said = next((line.text for line in reversed(picture.captions) if line.role == "user"), "")
        if said and said != self.heard.text():
            self.heard.setText(said)
        words = self._look.words
        under_way = [loading_words(picture, words)]
        under_way += [download_words(info, words) for info in picture.downloads]
        text = "\n".join(line for line in under_way if line)
        if text != self.progress.text():
            self.progress.setText(text)
        if self.voices.show_downloads(picture.downloads, picture.n_weight_changes):
            self._renew_voices()

    def show_settings(self, settings: Settings) -> None:
        """Mark the chosen voice."""
        chosen = {name for name, b in self.voices.choices.items() if b.text().startswith("✓")}
        if settings.voice.preset not in chosen:
            self._renew_voices()

    def _renew_voices(self) -> None:
        self._holder.removeWidget(self.voices)
        self.voices.deleteLater()
        self.voices = self._voice_list()
        self._holder.addWidget(self.voices)

    def _voice_list(self) -> VoiceList:
        return VoiceList(self._look, self._session)

    def _arrange(self) -> None:
        self.pages.addWidget(self._step("devices", self.devices))
        self.pages.addWidget(self._step("echo", self.echo_test))
        holder = QWidget()
        holder.setLayout(self._holder)
        self._holder.setContentsMargins(0, 0, 0, 0)
        self.pages.addWidget(self._step("voice", holder))
        say = QWidget()
        column = QVBoxLayout(say)
        column.setContentsMargins(0, tokens.SPACE_XL, 0, 0)
        column.setSpacing(tokens.SPACE_L)
        column.addWidget(self.meter)
        column.addWidget(self.heard)
        self.pages.addWidget(self._step("say", say))
        row = QHBoxLayout()
        row.addWidget(self.skip)
        row.addStretch(1)
        row.addWidget(self.back)
        row.addWidget(self.next)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(*(tokens.SPACE_XL,) * 4)
        outer.setSpacing(tokens.SPACE_M)
        outer.addWidget(self.pages, 1)
        outer.addWidget(self.progress)
        outer.addWidget(make_hairline())
        outer.addLayout(row)

    def _step(self, name: str, content: QWidget) -> QWidget:
        words = self._look.words
        page = QWidget()
        page.setObjectName("page")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, tokens.SPACE_M, 0)
        column.setSpacing(tokens.SPACE_S)
        number = STEPS.index(name) + 1
        column.addWidget(
            make_label("section", words("first_run.step", number=number, total=len(STEPS)))
        )
        column.addWidget(make_label("display", words(f"first_run.{name}"), wraps=True))
        column.addWidget(make_label("muted", words(f"first_run.{name}.help"), wraps=True))
        column.addSpacing(tokens.SPACE_L)
        column.addWidget(content)
        column.addStretch(1)
        return make_scroll_area(page)

    def _go(self, step: int) -> None:
        if step >= len(STEPS):
            self.finished_all.emit()
            self.close()
            return
        self.pages.setCurrentIndex(step)
        self.back.setEnabled(step > 0)
        is_last = step == len(STEPS) - 1
        self.next.setText(self._look.words("first_run.done" if is_last else "first_run.next"))
        for button in (self.skip, self.back, self.next):
            button.setAccessibleName(button.text())
        self.next.setFocus()
