"""A plot of the last minute: levels, voice and echo, probabilities and decisions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.session.snapshot import TraceMark, TracePoint
from app.ui.diagnostics.decision_list import details, has_sentence, mark_name, sentence
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.level_meter import shown_level

SPAN_S = 60.0
LANE = 30  # px at 100 %: height of one lane
LABEL = 16
MARKS = 20
BAR_S = 0.5  # one bar of a level lane: 120 bars a minute
VOICE_P = 0.5  # below, a sound is drawn as no voice
REACH = 8  # px: a mark is found this far beside its tip

Value = Callable[[TracePoint], float]


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane of level bars; ``rest`` is the colour of sound that is not voice."""

    name: str
    colour: str
    value: Value
    rest: str = ""


LANES = (
    Lane("plot.user", "user", lambda p: shown_level(p.mic_dbfs), "control_line"),
    Lane("plot.reply", "reply", lambda p: shown_level(p.out_dbfs)),
    Lane("plot.echo", "warning", lambda p: shown_level(p.echo_dbfs)),
)
# Probabilities by lane: while the user has the floor, and while Parley speaks.
CURVES: tuple[tuple[tuple[str, str, Value], ...], ...] = (
    (("plot.p_end", "user", lambda p: p.p_end_of_turn),),
    (
        ("plot.p_noise", "muted", lambda p: p.p_noise),
        ("plot.p_backchannel", "good", lambda p: p.p_backchannel),
        ("plot.p_interruption", "danger", lambda p: p.p_interruption),
    ),
)


class TracePlot(QWidget):
    """Level lanes, probability lanes, and marks of decisions through all of them."""

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
        if not has_new_marks and not self._has_moved(trace):
            return False
        self._trace, self._marks = trace, marks
        if has_new_marks:
            self._describe()
        self.update()
        return True

    def _has_moved(self, trace: tuple[TracePoint, ...]) -> bool:
        """Return whether the trace moved by a pixel: a narrow plot needs fewer pictures."""
        if not trace or not self._trace:
            return True
        passed_s = abs(trace[-1].at_s - self._trace[-1].at_s)
        return passed_s == 0.0 or passed_s * self.width() >= SPAN_S

    def sizeHint(self) -> QSize:
        n_lanes = len(LANES) + len(CURVES)
        return QSize(self._look.px(220), self._look.px((LANE + LABEL) * n_lanes + MARKS * 2))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def _describe(self) -> None:
        last = self._marks[-1:]
        self.setAccessibleDescription(sentence(last[0], self._look.words) if last else "")

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            mark = self.mark_near(event.pos().x())
            parts = (sentence(mark, self._look.words), details(mark)) if mark is not None else ()
            text = "\n".join(part for part in parts if part)
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def mark_near(self, x: float) -> TraceMark | None:
        """Return the mark closest to ``x`` of the widget, or None if none is in reach."""
        end_s = self._trace[-1].at_s if self._trace else 0.0
        distances = [(abs(self._x(mark.at_s, end_s) - x), mark.at_s, mark) for mark in self._marks]
        nearest = min(distances, key=lambda found: found[:2], default=None)
        is_near = nearest is not None and nearest[0] <= self._look.px(REACH)
        return nearest[2] if nearest is not None and is_near else None

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setClipRect(event.rect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(self._look.px(tokens.SIZE_CAPTION))
        painter.setFont(font)
        end_s = self._trace[-1].at_s if self._trace else 0.0
        y = 0.0
        places: list[QRectF] = []
        for lane in LANES:
            place = self._lane(painter, ((lane.name, "muted"),), y)
            self._bars(painter, place, lane, end_s)
            places.append(place)
            y = place.bottom()
        for curves in CURVES:
            legend = tuple((name, colour) for name, colour, _ in reversed(curves))
            place = self._lane(
                painter, legend if len(curves) > 1 else ((legend[0][0], "muted"),), y
            )
            for _, colour, value in curves:
                self._curve(painter, place, self._look.colour(colour), end_s, value)
            places.append(place)
            y = place.bottom()
        self._paint_lines(painter, places, end_s)
        self._paint_marks(painter, y, end_s)
        painter.end()

    def _lane(self, painter: QPainter, legend: tuple[tuple[str, str], ...], y: float) -> QRectF:
        """Draw names and ground line; ``legend`` has (words, colour) from the left."""
        look = self._look
        x = 0.0
        for key, colour in legend:
            painter.setPen(look.colour(colour))
            words = look.words(key)
            label = QRectF(x, y, self.width() - x, look.px(LABEL))
            painter.drawText(label, int(Qt.AlignmentFlag.AlignVCenter), words)
            x += painter.fontMetrics().horizontalAdvance(words) + look.px(tokens.SPACE_M)
        place = QRectF(0, y + look.px(LABEL), self.width(), look.px(LANE))
        painter.setPen(QPen(look.colour("line"), 1))
        bottom = place.bottom() - 3
        painter.drawLine(QPointF(0, bottom), QPointF(self.width(), bottom))
        return place

    def _x(self, at_s: float, end_s: float) -> float:
        return self.width() * (1.0 - (end_s - at_s) / SPAN_S)

    def _bars(self, painter: QPainter, place: QRectF, lane: Lane, end_s: float) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        colour = self._look.colour(lane.colour)
        rest = self._look.colour(lane.rest) if lane.rest else colour
        width = self.width() * BAR_S / SPAN_S
        for at_s, level, is_voice in _loudest(self._trace, lane.value):
            height = level * (place.height() - 6)
            if height >= 1.0:
                painter.setBrush(colour if is_voice else rest)
                x = self._x(at_s, end_s)
                bar = QRectF(x - width, place.bottom() - 3 - height, max(1.2, width * 0.7), height)
                painter.drawRoundedRect(bar, 1, 1)

    def _curve(
        self, painter: QPainter, place: QRectF, colour: QColor, end_s: float, value: Value
    ) -> None:
        bottom, height = place.bottom() - 3, place.height() - 6
        per_s = self.width() / SPAN_S
        left = self.width() - end_s * per_s
        corners = [
            QPointF(left + point.at_s * per_s, bottom - height * p)
            for point, p in _without_flats(self._trace, value)
        ]
        painter.setPen(QPen(colour, 1.5))
        painter.drawPolyline(QPolygonF(corners))

    def _paint_lines(self, painter: QPainter, places: Sequence[QRectF], end_s: float) -> None:
        """Draw each decision through the lanes, not through their names."""
        painter.setPen(QPen(self._look.colour("control_line"), 1, Qt.PenStyle.DotLine))
        for mark in self._marks:
            x = self._x(mark.at_s, end_s)
            if has_sentence(mark) and x >= 0:
                for place in places:
                    painter.drawLine(QPointF(x, place.top()), QPointF(x, place.bottom() - 3))

    def _paint_marks(self, painter: QPainter, y: float, end_s: float) -> None:
        """Draw the decisions below the lanes; where two names overlap, the newer one stays."""
        look = self._look
        half = look.px(4)
        free_until = float(self.width())
        for mark in reversed(self._marks):
            x = self._x(mark.at_s, end_s)
            if x < 0:
                continue
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(look.colour("text"))
            peak = QPointF(x, y + 2)
            corners = [peak, peak + QPointF(-half, 2 * half), peak + QPointF(half, 2 * half)]
            painter.drawPolygon(QPolygonF(corners))
            name = mark_name(mark, look.words)
            width = painter.fontMetrics().horizontalAdvance(name) + look.px(6)
            left = min(max(0.0, x - width / 2), self.width() - width)
            if left + width <= free_until:
                painter.setPen(look.colour("muted"))
                place = QRectF(left, y + 2 * half + 2, width, look.px(LABEL))
                painter.drawText(place, int(Qt.AlignmentFlag.AlignCenter), name)
                free_until = left


def _loudest(trace: Sequence[TracePoint], value: Value) -> list[tuple[float, float, bool]]:
    """Return end, loudest level and presence of voice for each interval of ``BAR_S``.

    Bars lie at multiples of it so that they do not flicker.
    """
    bars: list[tuple[float, float, bool]] = []
    for slot, points in groupby(trace, lambda point: int(point.at_s // BAR_S)):
        held = list(points)
        is_voice = any(point.p_speech >= VOICE_P for point in held)
        bars.append(((slot + 1) * BAR_S, max(map(value, held)), is_voice))
    return bars


def _without_flats(trace: Sequence[TracePoint], value: Value) -> Iterator[tuple[TracePoint, float]]:
    """Yield points with values in [0, 1], leaving out the inner points of flat stretches."""
    last: tuple[TracePoint, float] | None = None
    is_told = True
    for point in trace:
        p = min(1.0, max(0.0, value(point)))
        if last is not None and p == last[1]:
            last, is_told = (point, p), False
            continue
        if last is not None and not is_told:
            yield last
        last, is_told = (point, p), True
        yield last
    if last is not None and not is_told:
        yield last
