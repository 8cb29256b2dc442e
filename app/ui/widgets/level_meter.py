"""A level meter, and the smoothing of levels for the eye."""

import math

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.ui.theme.look import Look

FLOOR_DBFS = -58.0  # quieter than a still room through a laptop microphone
CEILING_DBFS = -8.0  # loud speech

ATTACK_S = 0.04
RELEASE_S = 0.22
REST = 0.004  # below half a pixel on the largest ring


def shown_level(dbfs: float) -> float:
    """Return the level as a share of the meter in [0, 1], linear in dB."""
    return min(1.0, max(0.0, (dbfs - FLOOR_DBFS) / (CEILING_DBFS - FLOOR_DBFS)))


class SmoothedLevel:
    """A level that rises quickly, falls slowly and comes to rest exactly."""

    def __init__(self) -> None:
        self.value = 0.0

    def advance(self, target: float, elapsed_s: float) -> bool:
        """Move towards ``target``; return False once the level rests there."""
        if abs(target - self.value) < REST:
            has_moved = self.value != target
            self.value = target
            return has_moved
        time_constant = ATTACK_S if target > self.value else RELEASE_S
        self.value += (target - self.value) * (1.0 - math.exp(-elapsed_s / time_constant))
        return True


HEIGHT = 8  # px at 100 %
FRAME_S = 1 / 30


class LevelMeter(QWidget):
    """A bar that repaints only while its level moves; ``voice`` is "user" or "reply"."""

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
