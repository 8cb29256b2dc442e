"""The ring, the state in words, what is loading, and the button that mends a broken state."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.dialogue.events import MicrophoneSwitched
from app.session.commands import Command, RunNoticeAction
from app.session.snapshot import EngineSnapshot
from app.ui.status.progress_text import loading_words
from app.ui.status.shown_state import ShownState, mending_action
from app.ui.status.state_ring import StateRing
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import make_button, make_label, show_text

URGENT = frozenset({ShownState.DEVICE_LOST, ShownState.MUTED, ShownState.INTERRUPTED})
UNSPOKEN = frozenset({ShownState.SPEAKING, ShownState.HEARING, ShownState.OVERLAP})


class Announcer:
    """Tells screen readers of state changes, but stays silent while somebody speaks."""

    def __init__(self, source: QWidget) -> None:
        self._source = source
        self._last: ShownState | None = None
        self.n_announced = 0

    def show_state(self, state: ShownState, look: Look) -> None:
        if state is self._last:
            return
        self._last = state
        if state in UNSPOKEN:
            return
        event = QAccessibleAnnouncementEvent(self._source, look.words(f"state.{state}"))
        if state in URGENT:
            event.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
        QAccessible.updateAccessibility(event)
        self.n_announced += 1


DEVICE_NOTICE = "audio"
"""Key of the notice that reports a lost device; its button and the ring's do the same."""


class StatePanel(QWidget):
    """The state as text and ring, so that it never depends on colour or movement alone."""

    def __init__(self, look: Look, send: Callable[[Command], None]) -> None:
        super().__init__()
        self._look = look
        self._send = send
        self._picture = EngineSnapshot()
        self.ring = StateRing(look)
        self.word = make_label("state")
        self.word.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.hint = make_label("muted", wraps=True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.mend = make_button("primary")
        self.mend.setVisible(False)
        self.mend.clicked.connect(self._mend)
        self._announcer = Announcer(self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._is_compact = False
        self._words = QWidget()
        column = QVBoxLayout(self._words)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.word)
        column.addWidget(self.hint)
        column.addSpacing(tokens.SPACE_XS)
        column.addWidget(self.mend, 0, Qt.AlignmentFlag.AlignHCenter)
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        self._row.addStretch(1)
        self._row.addWidget(self.ring)
        self._row.addWidget(self._words)
        self._row.addStretch(1)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        self.ring.set_look(look)
        self._write()

    def set_size(self, ring_size: int, *, is_compact: bool) -> None:
        """Set the size; compact puts the words beside a small ring and leaves out the hint."""
        self.ring.setFixedHeight(ring_size)
        if is_compact:
            self.ring.setFixedWidth(ring_size)
        else:
            self.ring.setMinimumWidth(ring_size)
            self.ring.setMaximumWidth(16777215)
        self._is_compact = is_compact
        directions = QBoxLayout.Direction
        self._row.setDirection(directions.LeftToRight if is_compact else directions.TopToBottom)
        self._write()

    def show_picture(self, picture: EngineSnapshot, elapsed_s: float) -> bool:
        """Return whether anything moved."""
        old, self._picture = self._picture, picture
        old_state = self.ring.state
        has_moved = self.ring.show_picture(picture, elapsed_s)
        if self.ring.state is not old_state or (picture.loading, picture.loading_fraction) != (
            old.loading,
            old.loading_fraction,
        ):
            self._write()
        self._announcer.show_state(self.ring.state, self._look)
        return has_moved

    def _write(self) -> None:
        state, words = self.ring.state, self._look.words
        self.word.setText(words(f"state.{state}"))
        self.hint.setText(loading_words(self._picture, words) or words(f"hint.{state}"))
        action = mending_action(state)
        # Hidden buttons are listed to screen readers too, so this one always has a name.
        show_text(self.mend, words(f"action.{action or 'retry_audio'}"))
        self.mend.setVisible(bool(action))
        self.hint.setVisible(not action and not (self._is_compact and not self._picture.loading))

    def _mend(self) -> None:
        action = mending_action(self.ring.state)
        if action == "unmute":
            self._send(MicrophoneSwitched(True))
        elif action:
            lost = next((n for n in self._picture.notices if n.action == action), None)
            self._send(RunNoticeAction(lost.key if lost else DEVICE_NOTICE, action))
