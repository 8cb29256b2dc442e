"""The ring that shows the state; it repaints only while something in it moves."""

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.session.snapshot import EngineSnapshot
from app.ui.status.ring_painting import RingMotion, paint_level_bar, paint_ring
from app.ui.status.shown_state import ShownState, shown_state
from app.ui.theme.look import Look
from app.ui.widgets.level_meter import SmoothedLevel, shown_level

SIZE = 148  # px at 100 %
MIN_SIZE = 72

MOVING_STATES = frozenset({ShownState.THINKING, ShownState.STOPPING})
MIC_STATES = frozenset(
    {ShownState.LISTENING, ShownState.HEARING, ShownState.OVERLAP, ShownState.INTERRUPTED}
)
REPLY_STATES = frozenset({ShownState.SPEAKING, ShownState.OVERLAP, ShownState.STOPPING})


class StateRing(QWidget):
    """A ring that follows the levels of what is heard and of what is really played."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._state = ShownState.STARTING
        self._mic = SmoothedLevel()
        self._out = SmoothedLevel()
        self._blend = SmoothedLevel()
        self._time_s = 0.0
        self._loading = 0.0
        self.n_paints = 0
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setSizePolicy(policy)
        self.set_look(look)

    @property
    def state(self) -> ShownState:
        return self._state

    def set_look(self, look: Look) -> None:
        self._look = look
        self.setAccessibleName(look.words("ring.name"))
        self._describe()
        self.updateGeometry()
        self.update()

    def show_picture(self, picture: EngineSnapshot, elapsed_s: float) -> bool:
        """Show a snapshot; return whether anything moved."""
        state = shown_state(picture)
        mic = shown_level(picture.mic_dbfs) if state in MIC_STATES else 0.0
        out = shown_level(picture.out_dbfs) if state in REPLY_STATES else 0.0
        has_changed = state is not self._state or picture.loading_fraction != self._loading
        if state is not self._state:
            self._state = state
            self._blend.value = 0.0
            self._describe()
        self._loading = picture.loading_fraction
        has_moved = self._mic.advance(mic, elapsed_s)
        has_moved |= self._out.advance(out, elapsed_s)
        has_moved |= self._blend.advance(1.0, elapsed_s)
        is_sweeping = state in MOVING_STATES or (state is ShownState.STARTING and picture.loading)
        is_moving = bool(is_sweeping) or self._mic.value > 0.0 or self._out.value > 0.0
        if is_moving and not self._look.reduces_motion:
            self._time_s += elapsed_s
            has_moved = True
        if has_changed or has_moved:
            self.update()
        return has_changed or has_moved

    def sizeHint(self) -> QSize:
        return QSize(SIZE, SIZE)

    def minimumSizeHint(self) -> QSize:
        return QSize(MIN_SIZE, MIN_SIZE)

    def _describe(self) -> None:
        self.setAccessibleDescription(self._look.words(f"state.{self._state}"))

    def _motion(self) -> RingMotion:
        return RingMotion(
            state=self._state,
            mic=self._mic.value,
            out=self._out.value,
            blend=self._blend.value,
            time_s=self._time_s,
            loading=self._loading,
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        self.n_paints += 1
        painter = QPainter(self)
        painter.setClipRect(event.rect())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        centre = QPointF(self.width() / 2, self.height() / 2)
        size = min(self.width(), self.height())
        if self._look.reduces_motion:
            paint_level_bar(painter, self._look, self._motion(), centre, size)
        else:
            paint_ring(painter, self._look, self._motion(), centre, size)
        painter.end()
