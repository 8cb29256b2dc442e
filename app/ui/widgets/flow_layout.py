"""A layout that continues on the next line when a row is full."""

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """A layout of lines from left to right, each centred vertically; height follows width.

    An item added with ``add_growing`` takes what its line has left.
    """

    def __init__(self, space: int, is_centred: bool = False) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._growing: set[int] = set()
        self._is_centred = is_centred
        self.setSpacing(space)
        self.setContentsMargins(0, 0, 0, 0)

    def add_growing(self, widget: QWidget) -> None:
        self.addWidget(widget)
        self._growing.add(len(self._items) - 1)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), is_real=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, is_real=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            if not item.isEmpty():
                size = size.expandedTo(item.minimumSize())
        return size

    def _place(self, rect: QRect, *, is_real: bool) -> int:
        y = rect.y()
        for line in self._lines(rect.width()):
            height = max(item.sizeHint().height() for _, item in line)
            if is_real:
                self._place_line(line, QRect(rect.x(), y, rect.width(), height))
            y += height + self.spacing()
        return max(0, y - self.spacing() - rect.y())

    def _lines(self, width: int) -> list[list[tuple[int, QLayoutItem]]]:
        lines: list[list[tuple[int, QLayoutItem]]] = []
        used = 0
        for index, item in enumerate(self._items):
            if item.isEmpty():
                continue
            wanted = self._width(item, width)
            if not lines or used + self.spacing() + wanted > width:
                lines.append([])
                used = wanted
            else:
                used += self.spacing() + wanted
            lines[-1].append((index, item))
        return lines

    @staticmethod
    def _width(item: QLayoutItem, width: int) -> int:
        return min(item.sizeHint().width(), width)

    def _place_line(self, line: list[tuple[int, QLayoutItem]], rect: QRect) -> None:
        widths = [self._width(item, rect.width()) for _, item in line]
        left = rect.width() - sum(widths) - self.spacing() * (len(line) - 1)
        growing = [i for i, (index, _) in enumerate(line) if index in self._growing]
        if growing:
            widths[growing[0]] += max(0, left)
        x = rect.x() + (left // 2 if self._is_centred and not growing else 0)
        for (_, item), width in zip(line, widths, strict=True):
            height = min(item.sizeHint().height(), rect.height())
            item.setGeometry(
                QRect(QPoint(x, rect.y() + (rect.height() - height) // 2), QSize(width, height))
            )
            x += width + self.spacing()
