"""The keyboard shortcuts, and holding Space to talk."""

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from app.ui.theme.translations import Catalogue


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A shortcut; ``keys`` is as Qt writes it, or "" for a key that is held."""

    id: str
    keys: str

    @property
    def name_key(self) -> str:
        return f"shortcut.{self.id}"

    def shown_keys(self, words: Catalogue) -> str:
        if not self.keys:
            return words("shortcut.space_held")
        sequence = QKeySequence(self.keys)
        return sequence.toString(QKeySequence.SequenceFormat.NativeText)


SHORTCUTS = (
    Shortcut("talk", ""),
    Shortcut("stop", "Esc"),
    Shortcut("mute", "Ctrl+M"),
    Shortcut("new", "Ctrl+N"),
    Shortcut("cut_me_off", "Ctrl+1"),
    Shortcut("ignored_me", "Ctrl+2"),
    Shortcut("search", "Ctrl+F"),
    Shortcut("settings", "Ctrl+,"),
    Shortcut("diagnostics", "Ctrl+I"),
    Shortcut("history", "Ctrl+B"),
    Shortcut("keys", "F1"),
    Shortcut("quit", "Ctrl+Q"),
)

TYPING = (QLineEdit, QPlainTextEdit, QAbstractSpinBox)


class HeldSpace(QObject):
    """Space as a talk key everywhere in one window, except in text fields.

    Buttons are pressed with Return instead. Losing the window releases the key.
    """

    pressed = Signal()
    released = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._is_held = False
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.WindowDeactivate and watched is self._window:
            self._let_go()
        elif kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(
            event, QKeyEvent
        ):
            return self._key(watched, event)
        return False

    def _key(self, watched: QObject, event: QKeyEvent) -> bool:
        if not isinstance(watched, QWidget) or watched.window() is not self._window:
            return False
        if QApplication.activePopupWidget() is not None:
            return False
        is_press = event.type() == QEvent.Type.KeyPress
        if is_press and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return _press_button(watched)
        is_plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if event.key() != Qt.Key.Key_Space or (is_press and not is_plain):
            return False
        if is_press and _is_typing(watched):
            return False
        if not is_press and not self._is_held:
            return False
        if event.isAutoRepeat():
            return True
        if is_press and not self._is_held:
            self._is_held = True
            self.pressed.emit()
        elif not is_press:
            self._let_go()
        return True

    def _let_go(self) -> None:
        if self._is_held:
            self._is_held = False
            self.released.emit()


def _is_typing(widget: QWidget) -> bool:
    return isinstance(widget, TYPING) or (isinstance(widget, QComboBox) and widget.isEditable())


def _press_button(widget: QWidget) -> bool:
    if isinstance(widget, QAbstractButton) and widget.isEnabled():
        widget.click()
        return True
    return False
