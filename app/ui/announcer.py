"""Tells a screen reader that the state changed; never single words. Knows states only."""

from __future__ import annotations

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget

from app.ui.look import Look
from app.ui.shown_state import ShownState

URGENT = frozenset({ShownState.DEVICE_LOST, ShownState.MUTED, ShownState.INTERRUPTED})
UNSPOKEN = frozenset({ShownState.SPEAKING, ShownState.HEARING, ShownState.OVERLAP})


class Announcer:
    """While somebody speaks the reader stays silent: its voice would talk into the conversation."""

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
