"""The painting of the ring in each state."""

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QRadialGradient

from app.ui.status.shown_state import ShownState
from app.ui.theme.icons import draw_icon
from app.ui.theme.look import Look

N_POINTS = 120  # of a wave's outline; smooth at 300 px
REST_RADIUS = 0.30  # share of the widget's size
OPEN_BY = 0.08  # how far the ring opens at full level
WAVE_BY = 0.042  # height of the waves at full level
THIN = 0.014  # stroke, share of the size
BOLD = 0.026
SWEEP_TURNS_PER_S = 0.45
FULL_CIRCLE = 360 * 16  # Qt counts sixteenths of a degree

ICON_STATES = {
    ShownState.MUTED: ("microphone-off", "danger"),
    ShownState.DEVICE_LOST: ("unplugged", "danger"),
    ShownState.HOLD_TO_TALK: ("microphone", "muted"),
}


@dataclass(frozen=True, slots=True)
class RingMotion:
    """The values that move; levels, ``blend`` (1: settled) and ``loading`` are in [0, 1]."""

    state: ShownState
    mic: float
    out: float
    blend: float
    time_s: float
    loading: float


def paint_ring(
    painter: QPainter, look: Look, motion: RingMotion, centre: QPointF, size: float
) -> None:
    radius = REST_RADIUS * size
    state = motion.state
    if state in ICON_STATES:
        _paint_icon_state(painter, look, state, centre, size)
    elif state is ShownState.STARTING:
        _circle(painter, look.colour("line"), centre, radius, BOLD * size)
        _arc(painter, look.colour("reply"), centre, radius, BOLD * size, 0.0, motion.loading)
    elif state in (ShownState.THINKING, ShownState.STOPPING):
        _circle(painter, look.colour("line"), centre, radius, THIN * size)
        start = (motion.time_s * SWEEP_TURNS_PER_S) % 1.0
        _arc(painter, look.colour("reply"), centre, radius, BOLD * size, start, 0.22)
        _arc(painter, look.colour("reply", 0.35), centre, radius, THIN * size, start - 0.14, 0.14)
    elif state is ShownState.SPEAKING:
        _paint_reply(painter, look, motion, centre, size, 1.0)
    elif state is ShownState.OVERLAP:
        _paint_reply(painter, look, motion, centre, size, 0.45)
        _paint_user(painter, look, motion, centre, size, 0.04)
    else:
        _paint_user(painter, look, motion, centre, size, 0.0)


def paint_level_bar(
    painter: QPainter, look: Look, motion: RingMotion, centre: QPointF, size: float
) -> None:
    """Paint the ring without movement: an icon and two bars, or one bar while loading."""
    width, height = size * 0.8, max(6.0, size * 0.06)
    bars = (("user", motion.mic), ("reply", motion.out))
    if motion.state is ShownState.STARTING:
        bars = (("reply", motion.loading),)
    icon, colour = ICON_STATES.get(motion.state, ("voice", "text"))
    edge = size * 0.3
    draw_icon(
        painter,
        icon,
        getattr(look.palette, colour),
        QRectF(centre.x() - edge / 2, centre.y() - size * 0.32, edge, edge),
    )
    painter.setPen(Qt.PenStyle.NoPen)
    for row, (name, level) in enumerate(bars):
        place = QRectF(0, 0, width, height)
        place.moveTopLeft(centre + QPointF(-width / 2, size * 0.12 + row * height * 2))
        painter.setBrush(look.colour("line"))
        painter.drawRoundedRect(place, height / 2, height / 2)
        if level > 0.0:
            place.setWidth(max(height, width * level))
            painter.setBrush(look.colour(name))
            painter.drawRoundedRect(place, height / 2, height / 2)


def _paint_user(
    painter: QPainter, look: Look, motion: RingMotion, centre: QPointF, size: float, outside: float
) -> None:
    """Paint the user's ring, which opens outwards while the user speaks."""
    is_hearing = motion.state is not ShownState.LISTENING
    blend = motion.blend if is_hearing else 0.0
    opening = OPEN_BY * motion.mic * (0.45 + 0.55 * blend) + 0.03 * blend + outside
    radius = (REST_RADIUS + opening) * size
    if is_hearing:
        _glow(painter, look.colour("user", 0.16 * blend), centre, radius * 1.12)
    stroke = (THIN + (BOLD - THIN) * blend) * size
    colour = look.colour("user" if is_hearing else "control_line")
    if motion.state is ShownState.LISTENING and motion.mic > 0.0:
        colour = _mixed(colour, look.colour("user"), motion.mic)
    wave = WAVE_BY * motion.mic * blend * size
    _wave(painter, colour, centre, radius, stroke, wave, motion.time_s * 2.6)


def _paint_reply(
    painter: QPainter, look: Look, motion: RingMotion, centre: QPointF, size: float, share: float
) -> None:
    """Paint the reply's ring; ``share`` is below 1 while the reply is ducked."""
    level = motion.out * share
    radius = (REST_RADIUS * (0.86 if share < 1 else 1.0) + OPEN_BY * 0.5 * level) * size
    _glow(painter, look.colour("reply", 0.10 + 0.22 * level), centre, radius)
    colour = look.colour("reply", 0.55 + 0.45 * share)
    height = WAVE_BY * 1.5 * level * size
    _wave(
        painter,
        colour,
        centre,
        radius,
        BOLD * size * (0.6 + 0.4 * share),
        height,
        motion.time_s * 3.2,
    )
    _wave(
        painter,
        look.colour("reply", 0.35 * share),
        centre,
        radius * 0.84,
        THIN * size,
        height * 0.8,
        -motion.time_s * 2.3 + 1.0,
    )


def _paint_icon_state(
    painter: QPainter, look: Look, state: ShownState, centre: QPointF, size: float
) -> None:
    icon, colour = ICON_STATES[state]
    pen = QPen(look.colour(colour), THIN * size)
    if state is not ShownState.HOLD_TO_TALK:
        pen.setStyle(Qt.PenStyle.DashLine)
    painter.setPen(pen)
    painter.drawEllipse(centre, REST_RADIUS * size, REST_RADIUS * size)
    edge = size * 0.26
    place = QRectF(centre.x() - edge / 2, centre.y() - edge / 2, edge, edge)
    draw_icon(painter, icon, getattr(look.palette, colour), place)


def _circle(
    painter: QPainter, colour: QColor, centre: QPointF, radius: float, stroke: float
) -> None:
    painter.setPen(QPen(colour, stroke))
    painter.drawEllipse(centre, radius, radius)


def _arc(
    painter: QPainter,
    colour: QColor,
    centre: QPointF,
    radius: float,
    stroke: float,
    start: float,
    length: float,
) -> None:
    """Paint an arc; ``start`` and ``length`` are in turns, clockwise from the top."""
    painter.setPen(QPen(colour, stroke, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    place = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
    begin = round((0.25 - start) * FULL_CIRCLE)
    painter.drawArc(place, begin, -round(length * FULL_CIRCLE))


def _wave(
    painter: QPainter,
    colour: QColor,
    centre: QPointF,
    radius: float,
    stroke: float,
    height: float,
    phase: float,
) -> None:
    """Paint a circle whose outline swings by ``height`` pixels."""
    if height < 0.25:
        _circle(painter, colour, centre, radius, stroke)
        return
    path = QPainterPath()
    for i in range(N_POINTS):
        angle = 2 * math.pi * i / N_POINTS
        swing = (
            0.45 * math.sin(4 * angle + phase)
            + 0.35 * math.sin(7 * angle - 1.4 * phase)
            + 0.2 * math.sin(3 * angle + 0.7 * phase)
        )
        r = radius + height * swing
        point = QPointF(centre.x() + r * math.cos(angle), centre.y() + r * math.sin(angle))
        path.lineTo(point) if i else path.moveTo(point)
    path.closeSubpath()
    painter.setPen(QPen(colour, stroke))
    painter.drawPath(path)


def _glow(painter: QPainter, colour: QColor, centre: QPointF, radius: float) -> None:
    gradient = QRadialGradient(centre, radius)
    clear = QColor(colour)
    clear.setAlphaF(0.0)
    gradient.setColorAt(0.0, clear)
    gradient.setColorAt(0.55, clear)
    gradient.setColorAt(1.0, colour)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(gradient)
    painter.drawEllipse(centre, radius, radius)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _mixed(first: QColor, second: QColor, share: float) -> QColor:
    channels = zip(first.getRgbF(), second.getRgbF(), strict=True)
    return QColor.fromRgbF(*(a + (b - a) * share for a, b in channels))
