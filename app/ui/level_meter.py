"""A level as a bar with a scale; says its level in words to a screen reader. Knows no session."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.levels import SmoothedLevel, shown_level
from app.ui.look import Look

HEIGHT = 8  # px at 100 %
FRAME_S = 1 / 30


class LevelMeter(QWidget):
    """Repaints only while its level moves. ``voice`` names the colour: "user" or "reply"."""

    def __init__(self, look: Look, voice: str, name_key: str) -> None:
        super().__init__()
        self._look = look
        self._voice = voice
        self._name_key = name_key
        self._level = SmoothedLevel()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_look(look)

    @property
    def level(self) -> float:
        return self._level.value

    def set_look(self, look: Look) -> None:
        self._look = look
        self.setAccessibleName(look.words(self._name_key))
        self.updateGeometry()
        self.update()

    def show_level(self, dbfs: float, elapsed_s: float = FRAME_S) -> None:
        if self._level.advance(shown_level(dbfs), elapsed_s):
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._look.px(120), self._look.px(HEIGHT))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._look.px(40), self._look.px(HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setClipRect(event.rect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        radius = self.height() / 2
        place = QRectF(self.rect())
        painter.setBrush(self._look.colour("line"))
        painter.drawRoundedRect(place, radius, radius)
        if self._level.value > 0.0:
            place.setWidth(max(place.height(), place.width() * self._level.value))
            painter.setBrush(self._look.colour(self._voice))
            painter.drawRoundedRect(place, radius, radius)
        painter.end()
