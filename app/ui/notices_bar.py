"""What happened, what Parley did, one button. Shows the snapshot's notices; decides nothing."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.commands import Command, RunNoticeAction
from app.snapshot import Notice, NoticeKind
from app.ui import tokens
from app.ui.controls import IconButton, empty_layout, make_button, make_label
from app.ui.icons import tinted_pixmap
from app.ui.look import Look

DISMISS = "dismiss"

LOOKS = {
    NoticeKind.INFO: ("info", "muted"),
    NoticeKind.WARNING: ("warning", "warning"),
    NoticeKind.ERROR: ("warning", "danger"),
}


class NoticesBar(QWidget):
    """Rebuilt only when the notices change. ``settings_asked`` names a page of the settings."""

    settings_asked = Signal(str)

    def __init__(self, look: Look, send: Callable[[Command], None]) -> None:
        super().__init__()
        self._look = look
        self._send = send
        self._notices: tuple[Notice, ...] = ()
        self.buttons: dict[str, QPushButton] = {}
        self.closers: dict[str, IconButton] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(tokens.SPACE_S)
        self._is_narrow = False
        self.setVisible(False)

    def set_look(self, look: Look) -> None:
        self._look = look
        self._build()

    def set_narrow(self, is_narrow: bool) -> None:
        """Narrow: the button stands under the words."""
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            self._build()

    def show_notices(self, notices: tuple[Notice, ...]) -> bool:
        """Returns whether they differ from those shown."""
        notices = tuple(notice for notice in notices if notice.text)
        if notices == self._notices:
            return False
        self._notices = notices
        self._build()
        return True

    def _build(self) -> None:
        empty_layout(self._column)
        self.buttons.clear()
        self.closers.clear()
        for notice in self._notices:
            self._column.addWidget(self._frame(notice))
        self.setVisible(bool(self._notices))

    def _frame(self, notice: Notice) -> QFrame:
        icon, colour = LOOKS[notice.kind]
        words = self._look.words
        frame = QFrame()
        frame.setProperty("kind", str(notice.kind))
        frame.setAccessibleName(words(f"notice.{notice.kind}"))
        frame.setAccessibleDescription(notice.text)
        row = QGridLayout(frame)
        row.setContentsMargins(tokens.SPACE_M, tokens.SPACE_S, tokens.SPACE_S, tokens.SPACE_S)
        row.setSpacing(tokens.SPACE_S)
        row.setColumnStretch(1, 1)
        picture = QLabel()
        picture.setPixmap(
            tinted_pixmap(icon, getattr(self._look.palette, colour), self._look.px(18))
        )
        row.addWidget(picture, 0, 0)
        text = make_label("notice", notice.text, wraps=True)
        text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        row.addWidget(text, 0, 1)
        if notice.action and notice.action != DISMISS:
            button = self._button(notice)
            if self._is_narrow:
                row.addWidget(button, 1, 1, Qt.AlignmentFlag.AlignLeft)
            else:
                row.addWidget(button, 0, 2)
        closer = IconButton("close", "notice.dismiss", self._look)
        closer.clicked.connect(lambda: self._send(RunNoticeAction(notice.key, DISMISS)))
        self.closers[notice.key] = closer
        row.addWidget(closer, 0, 3)
        return frame

    def _button(self, notice: Notice) -> QPushButton:
        button = make_button()
        label = self._look.words.find(f"action.{notice.action}", notice.action_label)
        button.setText(label or notice.action)
        button.setAccessibleName(button.text())
        button.clicked.connect(lambda: self._act(notice))
        self.buttons[notice.key] = button
        return button

    def _act(self, notice: Notice) -> None:
        if notice.action == "open_audio_settings":
            self.settings_asked.emit("audio")
        self._send(RunNoticeAction(notice.key, notice.action))
