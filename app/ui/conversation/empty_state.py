"""The start of a new conversation: three things to try, spoken or clicked."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import WrappingButton, make_label

N_SUGGESTIONS = 3
COLUMN = 420  # px at 100 %


class EmptyState(QWidget):
    """Three suggestions; emits ``suggestion_chosen`` with the words to say."""

    suggestion_chosen = Signal(str)

    def __init__(self, look: Look) -> None:
        super().__init__()
        self.setObjectName("page")
        self._title = make_label("heading", wraps=True)
        self._title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._hint = make_label("muted", wraps=True)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.suggestions = tuple(WrappingButton(tokens.SPACE_M) for _ in range(N_SUGGESTIONS))
        self._column = QWidget()
        column = QVBoxLayout(self._column)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_S)
        column.addWidget(self._title)
        column.addWidget(self._hint)
        column.addSpacing(tokens.SPACE_M)
        for button in self.suggestions:
            button.clicked.connect(lambda _=False, b=button: self.suggestion_chosen.emit(b.words))
            column.addWidget(button)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(tokens.SPACE_XL, tokens.SPACE_S, tokens.SPACE_XL, tokens.SPACE_S)
        outer.addStretch(1)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self._column, 100)
        middle.addStretch(1)
        outer.addLayout(middle)
        outer.addStretch(1)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._column.setMaximumWidth(look.px(COLUMN))
        self._title.setText(look.words("empty.title"))
        self._hint.setText(look.words("empty.hint"))
        for i, button in enumerate(self.suggestions, start=1):
            button.set_words(look.words(f"empty.try_{i}"))
