"""The middle pane: title, notices, conversation, ring, controls; it works alone at 480 x 560."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.messages.notices import Notice
from app.session.commands import Command
from app.session.snapshot import EngineSnapshot
from app.ui.control_bar import ControlBar
from app.ui.conversation.conversation_view import ConversationView
from app.ui.conversation.empty_state import EmptyState
from app.ui.notices_bar import MOST, NoticesBar
from app.ui.status.state_panel import StatePanel
from app.ui.status.state_ring import MIN_SIZE, SIZE
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import ElidedLabel, IconButton, PaneHeader, make_scroll_area

COLUMN = 760  # px at 100 %: controls and notices do not grow wider than the words above them
RING_SHARE = 0.2  # of the pane's height
COMPACT_BELOW = 480  # px at 100 %: below, the state stands in one line
COMPACT_RING = 60
TINY_BELOW = 400  # px at 100 %: below, only what the conversation needs at once
LOW_BELOW = 640  # px at 100 %: below, only the most urgent notice is shown
NARROW_BELOW = 440  # px at 100 %: below, a notice's button stands under its words


class MiddlePane(QWidget):
    """The middle pane; the window connects the signals of its parts."""

    def __init__(self, look: Look, send: Callable[[Command], None]) -> None:
        super().__init__()
        self.setObjectName("middle")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._look = look
        self._header = PaneHeader(look)
        self.sidebar = IconButton("sidebar", "history.unfold", look)
        self.title = ElidedLabel()
        self.title.setProperty("kind", "title")
        self.more = IconButton("more", "title.more", look)
        self.pulse = IconButton("pulse", "diagnostics.unfold", look)
        self.settings = IconButton("settings", "settings.title", look)
        self.notices = NoticesBar(look, send)
        self.captions = ConversationView(look)
        self.empty = EmptyState(look)
        self.state = StatePanel(look, send)
        self.controls = ControlBar(look, send)
        self._words = QStackedWidget()
        self._column = QWidget()
        self._arrange()
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        for part in (
            self._header,
            self.sidebar,
            self.more,
            self.pulse,
            self.settings,
            self.notices,
            self.captions,
            self.empty,
            self.state,
            self.controls,
        ):
            part.set_look(look)
        self._column.setMaximumWidth(look.px(COLUMN))
        self._notices_column.setMaximumWidth(look.px(COLUMN))
        self._fit()

    def show_picture(self, picture: EngineSnapshot, elapsed_s: float) -> bool:
        """Return whether anything changed or moves."""
        has_changed = self.captions.show_lines(picture.captions)
        self._words.setCurrentIndex(1 if picture.captions else 0)
        has_changed |= self.state.show_picture(picture, elapsed_s)
        self.controls.show_picture(picture, elapsed_s)
        return has_changed

    def show_notices(self, notices: tuple[Notice, ...]) -> None:
        if self.notices.show_notices(notices):
            self._fit()

    def show_title(self, title: str, *, can_act: bool) -> None:
        self.title.setText(title)
        self.more.setEnabled(can_act)

    def show_folds(self, *, has_history: bool) -> None:
        self.sidebar.setVisible(not has_history)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Hide what is also found elsewhere when the room or the text size demands it."""
        look = self._look
        width = min(self.width() - 2 * tokens.SPACE_XL, look.px(COLUMN))
        is_low = self.height() < look.px(LOW_BELOW)
        is_narrow = self.width() < look.px(NARROW_BELOW)
        self.notices.set_room(is_narrow=is_narrow, most=1 if is_low else MOST)
        free = self.height() - self.notices.wanted_height(width)
        room = free / look.px(100) * 100
        side = min(SIZE, max(MIN_SIZE, round(self.height() * RING_SHARE)))
        is_compact = room < COMPACT_BELOW
        self.state.set_size(COMPACT_RING if is_compact else side, is_compact=is_compact)
        self.controls.set_room(
            is_low=is_low or is_compact, is_compact=is_compact, is_tiny=room < TINY_BELOW
        )

    def _arrange(self) -> None:
        row = QHBoxLayout(self._header)
        row.setContentsMargins(tokens.SPACE_XL, 0, tokens.SPACE_M, 0)
        row.setSpacing(tokens.SPACE_XS)
        row.addWidget(self.sidebar)
        row.addWidget(self.title, 1)
        for button in (self.more, self.pulse, self.settings):
            row.addWidget(button)
        scroll = make_scroll_area(self.empty)
        self._words.addWidget(scroll)
        self._words.addWidget(self.captions)
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self._words.setMinimumHeight(72)
        self._notices_column = _centred_holder(self.notices)
        inside = QVBoxLayout(self._column)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(tokens.SPACE_M)
        inside.addWidget(self.state)
        inside.addWidget(self.controls)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, tokens.SPACE_L)
        column.setSpacing(tokens.SPACE_XS)
        column.addWidget(self._header)
        column.addLayout(_centred(self._notices_column))
        column.addWidget(self._words, 1)
        column.addLayout(_centred(self._column))


def _centred_holder(widget: QWidget) -> QWidget:
    holder = QWidget()
    inner = QVBoxLayout(holder)
    inner.setContentsMargins(0, 0, 0, 0)
    inner.addWidget(widget)
    return holder


def _centred(widget: QWidget) -> QHBoxLayout:
    """Return a row with a column of limited width in the middle of the pane."""
    row = QHBoxLayout()
    row.setContentsMargins(tokens.SPACE_XL, 0, tokens.SPACE_XL, 0)
    row.addWidget(widget)  # Qt centres what is not allowed to fill its cell
    return row
