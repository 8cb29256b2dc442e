"""One row of a settings page for any declared option."""

from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.settings.option import OptionInfo, Value
from app.ui.theme import tokens
from app.ui.theme.look import Look
from app.ui.widgets.controls import IconButton, make_label

FIELD_WIDTH = 190  # px at 100 %
N_DECIMALS = 2
INT_LIMIT = 2**31 - 1


class QuietSpinBox(QSpinBox):
    """A spin box that ignores the wheel: scrolling the page must not change a value."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class QuietDoubleSpinBox(QDoubleSpinBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class QuietComboBox(QComboBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class OptionRow(QWidget):
    """Label, help and field of one option; ``changed`` carries the new value.

    With ``has_reset`` the row shows the default and a button that restores it.
    """

    changed = Signal(object)

    def __init__(
        self, info: OptionInfo, look: Look, value: Value, *, has_reset: bool = False
    ) -> None:
        super().__init__()
        self.info = info
        self._look = look
        self._is_showing = False
        self.field = self._make_field()
        self.reset = IconButton("reset", "settings.reset", look) if has_reset else None
        self._arrange()
        self.show_value(value)

    @property
    def value(self) -> Value:
        field = self.field
        if isinstance(field, QCheckBox):
            return field.isChecked()
        if isinstance(field, QComboBox):
            return cast(str, field.currentData())
        if isinstance(field, (QSpinBox, QDoubleSpinBox)):
            return field.value()
        text = cast(QLineEdit, field).text()
        if isinstance(self.info.default, tuple):
            parts = (part.strip() for part in text.replace("，", ",").split(","))
            return tuple(part for part in parts if part)
        return text.strip()

    def show_value(self, value: Value) -> None:
        """Show ``value`` without reporting it as a change."""
        if value == self.value:
            return
        self._is_showing = True
        field = self.field
        if isinstance(field, QCheckBox):
            field.setChecked(bool(value))
        elif isinstance(field, QComboBox):
            field.setCurrentIndex(field.findData(value))
        elif isinstance(field, QSpinBox):
            field.setValue(cast(int, value))
        elif isinstance(field, QDoubleSpinBox):
            field.setValue(cast(float, value))
        elif isinstance(field, QLineEdit):
            field.setText(", ".join(value) if isinstance(value, tuple) else str(value))
        self._is_showing = False
        self._show_reset()

    def _make_field(self) -> QWidget:
        default, option = self.info.default, self.info.option
        if isinstance(default, bool):
            box = QCheckBox()
            box.toggled.connect(self._report)
            return box
        if option.choices:
            return self._combo(option.choices)
        if isinstance(default, (int, float)):
            return self._spin(default)
        line = QLineEdit()
        if option.longest is not None:
            line.setMaxLength(option.longest)
        line.editingFinished.connect(self._report)
        return line

    def _combo(self, choices: tuple[str, ...]) -> QComboBox:
        combo = QuietComboBox()
        for choice in choices:
            combo.addItem(self._look.words.find(f"choice.{choice}", choice), choice)
        combo.currentIndexChanged.connect(self._report)
        return combo

    def _spin(self, default: float) -> QSpinBox | QDoubleSpinBox:
        option = self.info.option
        low = -INT_LIMIT if option.minimum is None else option.minimum
        high = INT_LIMIT if option.maximum is None else option.maximum
        if isinstance(default, int):
            spin = QuietSpinBox()
            spin.setRange(int(low), int(high))
            spin.setSingleStep(10 if default >= 50 else 1)
        else:
            spin = QuietDoubleSpinBox()
            spin.setDecimals(N_DECIMALS)
            spin.setRange(low, high)
            spin.setSingleStep(1.0 if option.unit else 0.05)
        spin.lineEdit().setTextMargins(tokens.SPACE_S, 0, 0, 0)
        spin.setSuffix(f" {option.unit}" if option.unit else "")
        spin.setKeyboardTracking(False)
        spin.valueChanged.connect(self._report)
        return spin

    def _arrange(self) -> None:
        words, info = self._look.words, self.info
        name = words.find(f"option.{info.name}", info.option.label)
        about = words.find(f"option.{info.name}.help", info.option.help_text)
        if self.reset is not None:
            about += " " + words("settings.default", value=_shown(info))
        self.field.setAccessibleName(name)
        self.field.setAccessibleDescription(about)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(make_label("plain", name, wraps=True))
        column.addWidget(make_label("caption", about, wraps=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, tokens.SPACE_S, 0, tokens.SPACE_S)
        row.setSpacing(tokens.SPACE_M)
        row.addLayout(column, 1)
        if isinstance(self.field, QLineEdit):
            column.addSpacing(tokens.SPACE_XS)
            column.addWidget(self.field)  # words need the whole width
        elif not isinstance(self.field, QCheckBox):
            self.field.setMinimumWidth(self._look.px(120))
            self.field.setMaximumWidth(self._look.px(FIELD_WIDTH))
            self.field.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        if not isinstance(self.field, QLineEdit):
            row.addWidget(self.field, 0, Qt.AlignmentFlag.AlignVCenter)
        if self.reset is not None:
            self.reset.setAccessibleName(words("settings.reset_of", name=name))
            self.reset.clicked.connect(self._reset)
            row.addWidget(self.reset, 0, Qt.AlignmentFlag.AlignVCenter)
            self._show_reset()

    def _reset(self) -> None:
        self.show_value(self.info.default)
        self.changed.emit(self.info.default)

    def _report(self, *_: object) -> None:
        self._show_reset()
        if not self._is_showing:
            self.changed.emit(self.value)

    def _show_reset(self) -> None:
        if getattr(self, "reset", None) is not None:
            self.reset.setEnabled(self.value != self.info.default)


def _shown(info: OptionInfo) -> str:
    value = info.default
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, (int, float)):
        return f"{value:g} {info.option.unit}".rstrip()
    return ", ".join(value) if isinstance(value, tuple) else value
