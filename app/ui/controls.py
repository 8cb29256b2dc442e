"""Small controls made alike everywhere: labels, icon buttons, hairlines. Knows no session."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QLabel, QLayout, QPushButton, QToolButton, QWidget

from app.ui.icons import tinted_icon
from app.ui.look import Look

ICON = 20  # px at 100 %


def make_label(kind: str, text: str = "", *, wraps: bool = False) -> QLabel:
    """``kind`` names the rule of the style sheet."""
    label = QLabel(text)
    label.setProperty("kind", kind)
    label.setWordWrap(wraps)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


def make_button(look_name: str = "") -> QPushButton:
    button = QPushButton()
    button.setAutoDefault(False)
    if look_name:
        button.setProperty("look", look_name)
    return button


def make_hairline() -> QFrame:
    line = QFrame()
    line.setProperty("kind", "hairline")
    line.setFixedHeight(1)
    return line


def restyle(widget: QWidget) -> None:
    """Makes the style sheet look at the widget's properties again."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def set_property(widget: QWidget, name: str, value: str) -> None:
    if widget.property(name) != value:
        widget.setProperty(name, value)
        restyle(widget)


def empty_layout(layout: QLayout) -> None:
    """Takes every widget out; they disappear with the next turn of the event loop."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
        elif inner is not None:
            empty_layout(inner)


def widgets_of(layout: QLayout) -> Iterator[QWidget]:
    for i in range(layout.count()):
        item = layout.itemAt(i)
        widget = item.widget() if item is not None else None
        if widget is not None:
            yield widget


class IconButton(QToolButton):
    """A picture with a name: the name is its tooltip and what a screen reader says."""

    def __init__(self, icon: str, name_key: str, look: Look, look_name: str = "icon") -> None:
        super().__init__()
        self._icon = icon
        self._name_key = name_key
        self._colour = "text"
        self._look = look
        self.setProperty("look", look_name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        self._refresh()

    def show_as(self, icon: str, name_key: str, colour: str = "text") -> None:
        if (icon, name_key, colour) != (self._icon, self._name_key, self._colour):
            self._icon, self._name_key, self._colour = icon, name_key, colour
            self._refresh()

    def _refresh(self) -> None:
        look = self._look
        size = look.px(ICON)
        self.setIconSize(QSize(size, size))
        self.setIcon(tinted_icon(self._icon, getattr(look.palette, self._colour), size))
        name = look.words(self._name_key)
        self.setToolTip(name)
        self.setAccessibleName(name)


class PaneHeader(QWidget):
    """A pane's title line has the same height everywhere, so that the three panes align."""

    HEIGHT = 56  # px at 100 %
    GROWTH = 0.5  # of the text's growth: the line has air to give

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        growth = (look.px(100) / 100 - 1) * self.GROWTH
        self.setFixedHeight(round(self.HEIGHT * (1 + growth)))
