"""Small controls and layouts that are made alike everywhere in the window."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from app.ui.theme.icons import tinted_icon
from app.ui.theme.look import Look

MIN_WIDTH = 40  # px; a few letters and the ellipsis


class ElidedLabel(QLabel):
    """A line of text that ends in "…" where its room ends.

    The whole text is in the tooltip and is read by screen readers.
    """

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:
        return QSize(MIN_WIDTH, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setClipRect(event.rect())
        room = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), text)
        painter.end()


ICON = 20  # px at 100 %


def make_label(kind: str, text: str = "", *, wraps: bool = False) -> QLabel:
    """Return a plain-text label; ``kind`` names the rule of the style sheet."""
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


def show_text(button: QAbstractButton, text: str) -> None:
    """Show ``text`` on the button and give it to screen readers as well."""
    button.setText(text)
    button.setAccessibleName(text)


def make_scroll_area(page: QWidget) -> QScrollArea:
    """Return a frameless area that scrolls ``page`` up and down only."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(page)
    return area


def make_hairline() -> QFrame:
    line = QFrame()
    line.setProperty("kind", "hairline")
    line.setFixedHeight(1)
    return line


def restyle(widget: QWidget) -> None:
    """Make the style sheet look at the widget's properties again."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
    widget.update()


def set_property(widget: QWidget, name: str, value: str) -> None:
    if widget.property(name) != value:
        widget.setProperty(name, value)
        restyle(widget)


def empty_layout(layout: QLayout) -> None:
    """Remove every widget; they disappear with the next turn of the event loop."""
    while (item := layout.takeAt(0)) is not None:
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
        elif inner is not None:
            empty_layout(inner)


class IconButton(QToolButton):
    """A button with a picture; its name is the tooltip and is read by screen readers."""

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
    """The title line of a pane, equally high everywhere so that the panes align."""

    HEIGHT = 56  # px at 100 %
    GROWTH = 0.5  # of the text's growth: the line has air to give

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        growth = (look.px(100) / 100 - 1) * self.GROWTH
        self.setFixedHeight(round(self.HEIGHT * (1 + growth)))


class WrappingButton(QPushButton):
    """A push button whose text, ``words``, wraps where a plain one would be cut off."""

    def __init__(self, space: int) -> None:
        super().__init__()
        self.setAutoDefault(False)
        self._label = make_label("plain", wraps=True)
        self._label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row = QHBoxLayout(self)
        row.setContentsMargins(space, space, space, space)
        row.addWidget(self._label)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    @property
    def words(self) -> str:
        return self._label.text()

    def set_words(self, text: str) -> None:
        self._label.setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        margins = self.layout().contentsMargins()
        inner = width - margins.left() - margins.right()
        return self._label.heightForWidth(inner) + margins.top() + margins.bottom()

    def sizeHint(self) -> QSize:
        return self.layout().sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self.layout().minimumSize()
