"""The last minute as a picture: both levels, what the predictor thought, what was decided.

Knows trace points and marks only; repaints when they change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.snapshot import TraceMark, TracePoint
from app.ui import tokens
from app.ui.levels import shown_level
from app.ui.look import Look

SPAN_S = 60.0
LANE = 34  # px at 100 %: height of one lane
LABEL = 16
MARKS = 20
BAR_S = 0.5  # one bar of a level lane: 120 bars a minute

LANES: tuple[tuple[str, str, Callable[[TracePoint], float]], ...] = (
    ("plot.user", "user", lambda p: shown_level(p.mic_dbfs)),
    ("plot.reply", "reply", lambda p: shown_level(p.out_dbfs)),
)
CURVES: tuple[tuple[str, str, Callable[[TracePoint], float]], ...] = (
    ("plot.p_end", "user", lambda p: p.p_end_of_turn),
    ("plot.p_interruption", "danger", lambda p: p.p_interruption),
)


class TracePlot(QWidget):
    """Two level lanes, two probability lanes, and marks of decisions below them."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._trace: tuple[TracePoint, ...] = ()
        self._marks: tuple[TraceMark, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        self.setAccessibleName(look.words("plot.name"))
        self._describe()
        self.updateGeometry()
        self.update()

    def show_trace(self, trace: tuple[TracePoint, ...], marks: tuple[TraceMark, ...]) -> bool:
        if (trace is self._trace or trace == self._trace) and marks == self._marks:
            return False
        has_new_marks = marks != self._marks
        self._trace, self._marks = trace, marks
        if has_new_marks:
            self._describe()
        self.update()
        return True

    def sizeHint(self) -> QSize:
        n_lanes = len(LANES) + len(CURVES)
        return QSize(self._look.px(220), self._look.px((LANE + LABEL) * n_lanes + MARKS * 2))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def _describe(self) -> None:
        last = self._marks[-1].what if self._marks else ""
        self.setAccessibleDescription(self._mark_name(last) if last else "")

    def _mark_name(self, what: str) -> str:
        return self._look.words.find(f"mark.{what}", what.replace("_", " "))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setClipRect(event.rect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(self._look.px(tokens.SIZE_CAPTION))
        painter.setFont(font)
        end_s = self._trace[-1].at_s if self._trace else 0.0
        y = 0.0
        for key, colour, value in LANES:
            place = self._lane(painter, key, y)
            self._bars(painter, place, self._look.colour(colour), end_s, value)
            y = place.bottom()
        for key, colour, value in CURVES:
            place = self._lane(painter, key, y)
            self._curve(painter, place, self._look.colour(colour), end_s, value)
            y = place.bottom()
        self._paint_marks(painter, y, end_s)
        painter.end()

    def _lane(self, painter: QPainter, key: str, y: float) -> QRectF:
        look = self._look
        painter.setPen(look.colour("muted"))
        label = QRectF(0, y, self.width(), look.px(LABEL))
        painter.drawText(label, int(Qt.AlignmentFlag.AlignVCenter), look.words(key))
        place = QRectF(0, y + look.px(LABEL), self.width(), look.px(LANE))
        painter.setPen(QPen(look.colour("line"), 1))
        bottom = place.bottom() - 3
        painter.drawLine(QPointF(0, bottom), QPointF(self.width(), bottom))
        return place

    def _x(self, at_s: float, end_s: float) -> float:
        return self.width() * (1.0 - (end_s - at_s) / SPAN_S)

    def _bars(
        self,
        painter: QPainter,
        place: QRectF,
        colour: QColor,
        end_s: float,
        value: Callable[[TracePoint], float],
    ) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        width = self.width() * BAR_S / SPAN_S
        for at_s, level in _loudest(self._trace, value):
            height = level * (place.height() - 6)
            if height >= 1.0:
                x = self._x(at_s, end_s)
                bar = QRectF(x - width, place.bottom() - 3 - height, max(1.2, width * 0.7), height)
                painter.drawRoundedRect(bar, 1, 1)

    def _curve(
        self,
        painter: QPainter,
        place: QRectF,
        colour: QColor,
        end_s: float,
        value: Callable[[TracePoint], float],
    ) -> None:
        path = QPainterPath()
        for i, point in enumerate(self._trace):
            y = place.bottom() - 3 - min(1.0, max(0.0, value(point))) * (place.height() - 6)
            where = QPointF(self._x(point.at_s, end_s), y)
            path.lineTo(where) if i else path.moveTo(where)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 1.5))
        painter.drawPath(path)

    def _paint_marks(self, painter: QPainter, y: float, end_s: float) -> None:
        look = self._look
        half = look.px(4)
        free_from = 0.0
        for mark in self._marks:
            x = self._x(mark.at_s, end_s)
            if x < 0:
                continue
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour("text"))
            peak = QPointF(x, y + 2)
            painter.drawPolygon(
                QPolygonF(
                    [
                        peak,
                        peak + QPointF(-half, 2 * half),
                        peak + QPointF(half, 2 * half),
                    ]
                )
            )
            name = self._mark_name(mark.what)
            width = painter.fontMetrics().horizontalAdvance(name) + look.px(6)
            left = min(max(0.0, x - width / 2), self.width() - width)
            if left >= free_from:
                painter.setPen(look.colour("muted"))
                place = QRectF(left, y + 2 * half + 2, width, look.px(LABEL))
                painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), name)
                free_from = left + width


def _loudest(
    trace: Sequence[TracePoint], value: Callable[[TracePoint], float]
) -> list[tuple[float, float]]:
    """The loudest level of each ``BAR_S``, at multiples of it so that bars do not flicker."""
    bars: dict[int, float] = {}
    for point in trace:
        slot = int(point.at_s // BAR_S)
        bars[slot] = max(bars.get(slot, 0.0), value(point))
    return [((slot + 1) * BAR_S, level) for slot, level in bars.items()]
