"""The voices, each with a button that speaks its sample sentence."""

from collections.abc import Callable
from itertools import groupby

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.session.catalog import VoiceInfo
from app.session.commands import ChooseVoice, FetchWeights, PreviewVoice, SessionPort
from app.session.snapshot import DownloadInfo
from app.ui.settings.weight_sets import WeightSet, sets_for_voices
from app.ui.status.progress_text import megabytes
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.theme.translations import Catalogue
from app.ui.widgets.controls import IconButton, make_button, make_label, make_scroll_area, show_text

WIDTH = 330  # px at 100 %
MAX_HEIGHT = 420


def voice_title(preset: str, voices: tuple[VoiceInfo, ...]) -> str:
    """Return the name of a voice, or of both sides of a blend ("first+second:weight")."""
    names = {voice.id: voice.name for voice in voices}
    parts = preset.partition(":")[0].split("+")
    return " + ".join(names.get(part, part.replace("_", " ").title()) for part in parts)


class VoiceList(QWidget):
    """A list of voices: the name chooses one, the triangle previews it.

    Above it stands a button for each set of files that would add voices.
    """

    def __init__(
        self,
        look: Look,
        session: SessionPort,
        on_chosen: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        voices, chosen = session.catalog.voices(), session.settings().voice
        self._look = look
        self._send = session.send
        self._rate = chosen.rate
        self._on_chosen = on_chosen
        self._n_changes: int | None = None
        self._sets = sets_for_voices(voices, session.catalog.models())
        self.choices: dict[str, QPushButton] = {}
        self.previews: dict[str, IconButton] = {}
        self.getters: dict[str, QPushButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for found in self._sets:
            column.addWidget(self._getter(found))
            column.addSpacing(tokens.SPACE_S)
        self.show_downloads(session.snapshot().downloads, None)
        ordered = sorted(voices, key=lambda voice: voice.language)
        for language, group in groupby(ordered, key=lambda voice: voice.language):
            column.addWidget(
                make_label("section", look.words.find(f"language.{language}", language))
            )
            for voice in group:
                column.addLayout(self._row(voice, is_chosen=voice.id == chosen.preset))
        column.addStretch(1)

    def show_downloads(self, downloads: tuple[DownloadInfo, ...], n_changes: int | None) -> bool:
        """Show progress; return True when files have changed and the list is outdated."""
        words = self._look.words
        for found in self._sets:
            info = next((d for d in downloads if d.names == found.names and not d.error), None)
            button = self.getters[found.id]
            name = words.find(f"models.set.{found.id}", found.id)
            text = words("voice.get", name=name, size=megabytes(found.missing_megabytes))
            if info is not None:
                share = f"{info.n_done / info.n_bytes:.0%}" if info.n_bytes else "…"
                text = words("voice.getting", name=name, share=share)
            if text != button.text():
                show_text(button, text)
            button.setEnabled(info is None)
        is_first, before = self._n_changes is None, self._n_changes
        if is_first or not any(not d.error for d in downloads):
            self._n_changes = n_changes
        return not is_first and self._n_changes != before

    def _getter(self, found: WeightSet) -> QPushButton:
        button = make_button()
        button.clicked.connect(lambda: self._send(FetchWeights(found.names)))
        self.getters[found.id] = button
        return button

    def _row(self, voice: VoiceInfo, *, is_chosen: bool) -> QHBoxLayout:
        words = self._look.words
        choose = make_button("quiet")
        mark = "✓  " if is_chosen else "     "
        about = _described(voice, words) if voice.is_available else words(self._why_not(voice))
        choose.setText(f"{mark}{voice.name}   ·   {about}" if about else f"{mark}{voice.name}")
        choose.setStyleSheet("QPushButton { text-align: left; }")
        choose.setEnabled(voice.is_available)
        choose.setCheckable(True)
        choose.setChecked(is_chosen)
        choose.setAccessibleName(words("voice.choose", name=voice.name))
        choose.setAccessibleDescription(about)
        choose.clicked.connect(lambda: self._choose(voice.id))
        preview = IconButton("play", "voice.preview", self._look)
        preview.setAccessibleName(words("voice.preview_of", name=voice.name))
        preview.setToolTip(words("voice.preview_of", name=voice.name))
        preview.setEnabled(voice.is_available)
        preview.clicked.connect(lambda: self._send(PreviewVoice(voice.id, self._rate)))
        self.choices[voice.id] = choose
        self.previews[voice.id] = preview
        row = QHBoxLayout()
        row.setSpacing(tokens.SPACE_XS)
        row.addWidget(choose, 1)
        row.addWidget(preview)
        return row

    def _why_not(self, voice: VoiceInfo) -> str:
        fetchable = {name for found in self._sets for name in found.names}
        return "voice.missing" if fetchable.intersection(voice.needs) else "voice.unusable"

    def _choose(self, preset: str) -> None:
        self._send(ChooseVoice(preset, self._rate))
        if self._on_chosen is not None:
            self._on_chosen(preset)


def _described(voice: VoiceInfo, words: Catalogue) -> str:
    """Return the voice's description, translated where the window's language has the words."""
    remarks = voice.description.split(", ")
    return words("voice.between").join(words.find(f"voice.about.{r}", r) for r in remarks)


class VoiceMenu(QFrame):
    """A popup above its button; Esc or a click elsewhere closes it."""

    def __init__(
        self,
        look: Look,
        session: SessionPort,
        parent: QWidget,
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("kind", "card")
        self.setAccessibleName(look.words("voice.menu"))
        self.voices = VoiceList(look, session, lambda _: self.close())
        self.voices.setObjectName("page")
        area = make_scroll_area(self.voices)
        column = QVBoxLayout(self)
        column.setContentsMargins(*(tokens.SPACE_S,) * 4)
        column.addWidget(area)
        for child in self.voices.findChildren(QWidget):
            child.ensurePolished()  # the style sheet's fonts decide how wide the rows are
        for row in self.voices.findChildren(QLayout):
            row.invalidate()
        wanted = self.voices.sizeHint()
        bar = area.verticalScrollBar().sizeHint().width()
        width = max(look.px(WIDTH), wanted.width() + bar + 2 * tokens.SPACE_L)
        screen = self.screen().availableGeometry()
        self.resize(
            min(width, screen.width()),
            min(wanted.height() + 3 * tokens.SPACE_L, look.px(MAX_HEIGHT), screen.height()),
        )

    def open_above(self, anchor: QWidget) -> None:
        place = anchor.mapToGlobal(QPoint(0, -self.height() - tokens.SPACE_XS))
        screen = anchor.screen().availableGeometry()
        place.setX(max(screen.left(), min(place.x(), screen.right() - self.width())))
        place.setY(max(screen.top(), place.y()))
        self.move(place)
        self.show()
        self.voices.setFocus(Qt.FocusReason.PopupFocusReason)
        self.focusNextChild()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)
