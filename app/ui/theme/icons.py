"""Line icons from ``resources/icons``, drawn in any colour and size."""

from functools import cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

ICONS = Path(__file__).resolve().parents[3] / "resources" / "icons"


@cache
def _svg(name: str) -> str:
    return (ICONS / f"{name}.svg").read_text(encoding="utf-8")


def draw_icon(painter: QPainter, name: str, colour: str, place: QRectF) -> None:
    text = _svg(name).replace("currentColor", colour)
    QSvgRenderer(QByteArray(text.encode())).render(painter, place)


def tinted_pixmap(name: str, colour: str, size: int) -> QPixmap:
    """Return the icon at ``size`` logical pixels, sharp on the densest screen."""
    ratio = max((s.devicePixelRatio() for s in QGuiApplication.screens()), default=1.0)
    pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw_icon(painter, name, colour, QRectF(0, 0, size, size))
    painter.end()
    return pixmap


def tinted_icon(name: str, colour: str, size: int) -> QIcon:
    return QIcon(tinted_pixmap(name, colour, size))
