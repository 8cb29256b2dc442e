"""The latest decisions in sentences: why did it stop, why did it wait. Shows marks, judges none."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.snapshot import TraceMark
from app.ui import tokens
from app.ui.controls import make_label
from app.ui.decision_words import details, has_sentence, sentence
from app.ui.look import Look

MOST = 5


class DecisionList(QWidget):
    """Newest first; every sentence can be reached with the Tab key.

    Attributes:
        rows: age and sentence of each place; those without a decision are hidden.
    """

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self._shown: tuple[TraceMark, ...] = ()
        self._now_s = 0.0
        self.empty = make_label("muted", wraps=True)
        self.rows = [(make_label("caption"), _sentence_label()) for _ in range(MOST)]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.empty)
        for age, text in self.rows:
            age.setContentsMargins(tokens.SPACE_XS, tokens.SPACE_XS, 0, 0)
            column.addWidget(age)
            column.addWidget(text)
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        self.setAccessibleName(look.words("diagnostics.why"))
        self.empty.setText(look.words("why.none"))
        self._fill()

    def show_marks(self, marks: tuple[TraceMark, ...], now_s: float) -> bool:
        """Returns whether anything has changed; ages change once a second."""
        latest = tuple(mark for mark in reversed(marks) if has_sentence(mark))[:MOST]
        has_new = latest != self._shown
        self._shown, self._now_s = latest, now_s
        if has_new:
            self._fill()
        return self._tell_ages() or has_new

    def _fill(self) -> None:
        self.empty.setHidden(bool(self._shown))
        for i, (age, text) in enumerate(self.rows):
            is_used = i < len(self._shown)
            age.setHidden(not is_used)
            text.setHidden(not is_used)
            if is_used:
                mark = self._shown[i]
                words = sentence(mark, self._look.words)
                text.setText(words)
                text.setAccessibleName(words)
                text.setToolTip(details(mark))
                text.setAccessibleDescription(details(mark))
        self._tell_ages()

    def _tell_ages(self) -> bool:
        has_changed = False
        for mark, (age, _) in zip(self._shown, self.rows, strict=False):
            seconds = max(0, round(self._now_s - mark.at_s))
            words = self._look.words("why.ago", seconds=seconds)
            if age.text() != words:
                age.setText(words)
                has_changed = True
        return has_changed


def _sentence_label() -> QLabel:
    label = make_label("decision", wraps=True)
    label.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    label.setIndent(0)  # a frame would move the words away from their age
    return label
