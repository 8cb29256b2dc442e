"""Three panes side by side; in a narrow window one at a time."""

from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from app.ui.theme.look import Look

HISTORY_WIDTH = 232  # px at 100 %
DIAGNOSTICS_WIDTH = 284
MIDDLE_WIDTH = 440
SIDE_GROWTH = 0.6  # sides grow less than the text, so that the middle keeps its measure

HISTORY = "history"
DIAGNOSTICS = "diagnostics"


class Panes(QWidget):
    """A row that always shows the middle, then history and diagnostics if they fit."""

    def __init__(self, history: QWidget, middle: QWidget, diagnostics: QWidget) -> None:
        super().__init__()
        self._sides = {HISTORY: history, DIAGNOSTICS: diagnostics}
        self._middle = middle
        self._wanted = {HISTORY: True, DIAGNOSTICS: False}
        self._glance = ""
        self.is_narrow = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for pane in (history, middle, diagnostics):
            row.addWidget(pane)
        middle.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def is_history_shown(self) -> bool:
        return not self._sides[HISTORY].isHidden()

    @property
    def is_diagnostics_shown(self) -> bool:
        return not self._sides[DIAGNOSTICS].isHidden()

    def want(self, *, has_history: bool, has_diagnostics: bool) -> None:
        self._wanted = {HISTORY: has_history, DIAGNOSTICS: has_diagnostics}

    def glance(self, side: str) -> None:
        """Let ``side`` cover the middle of a narrow window; "" uncovers it."""
        self._glance = side

    def arrange(self, look: Look) -> None:
        growth = 1.0 + (look.text_percent / 100 - 1.0) * SIDE_GROWTH
        widths = {
            HISTORY: round(HISTORY_WIDTH * growth),
            DIAGNOSTICS: round(DIAGNOSTICS_WIDTH * growth),
        }
        left = self.window().width() - round(MIDDLE_WIDTH * growth)
        self.is_narrow = left < min(widths.values())
        if not self.is_narrow:
            self._glance = ""
        for name, side in self._sides.items():
            if self._glance:
                side.setMinimumWidth(0)
                side.setMaximumWidth(16777215)
                side.setVisible(name == self._glance)
                continue
            fits = self._wanted[name] and left >= widths[name]
            side.setFixedWidth(widths[name])
            side.setVisible(fits)
            left -= widths[name] if fits else 0
        self._middle.setVisible(not self._glance)
