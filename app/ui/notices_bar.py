"""The bar of notices: what happened, what Parley did, and one button each."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.messages.notices import Notice, NoticeKind
from app.session.commands import Command, RunNoticeAction
from app.ui.theme import tokens
from app.ui.theme.icons import tinted_pixmap
from app.ui.theme.look import Look
from app.ui.theme.translations import Catalogue
from app.ui.widgets.controls import IconButton, empty_layout, make_button, make_label, show_text

DISMISS = "dismiss"
PAGE_OF_ACTION = {
    "open_audio_settings": "audio",
    "open_models_settings": "models",
    "open_privacy_settings": "privacy",
}
MOST = 3  # more than three notices are a list, not a bar

LOOKS = {
    NoticeKind.INFO: ("info", "muted"),
    NoticeKind.WARNING: ("warning", "warning"),
    NoticeKind.ERROR: ("warning", "danger"),
}

URGENCY = (NoticeKind.ERROR, NoticeKind.WARNING, NoticeKind.INFO)


def notice_text(notice: Notice, words: Catalogue) -> str:
    """Return the notice in the window's language if it is translated, else as it was written."""
    template = words.find(f"message.{notice.message}", "") if notice.message else ""
    return template.format(**dict(notice.values)) if template else notice.text


class NoticesBar(QWidget):
    """A bar that is rebuilt only when the notices change.

    ``settings_asked`` carries the name of a settings page.
    """

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
        self._most = MOST
        self.setVisible(False)

    def set_look(self, look: Look) -> None:
        self._look = look
        self._build()

    def set_room(self, *, is_narrow: bool, most: int) -> None:
        """Show the ``most`` urgent notices; narrow puts the button under the words."""
        if (is_narrow, most) != (self._is_narrow, self._most):
            self._is_narrow, self._most = is_narrow, most
            self._build()

    def wanted_height(self, width: int) -> int:
        return max(0, self._column.heightForWidth(width)) if self._notices else 0

    def show_notices(self, notices: tuple[Notice, ...]) -> bool:
        """Return whether they differ from those shown."""
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
        urgent = sorted(self._notices, key=lambda notice: URGENCY.index(notice.kind))
        for notice in urgent[: self._most]:
            self._column.addWidget(self._frame(notice))
        self.setVisible(bool(self._notices))

    def _frame(self, notice: Notice) -> QFrame:
        icon, colour = LOOKS[notice.kind]
        words = self._look.words
        frame = QFrame()
        frame.setProperty("kind", str(notice.kind))
        frame.setAccessibleName(words(f"notice.{notice.kind}"))
        frame.setAccessibleDescription(notice_text(notice, words))
        row = QGridLayout(frame)
        row.setContentsMargins(tokens.SPACE_M, tokens.SPACE_S, tokens.SPACE_S, tokens.SPACE_S)
        row.setSpacing(tokens.SPACE_S)
        row.setColumnStretch(1, 1)
        picture = QLabel()
        picture.setPixmap(
            tinted_pixmap(icon, getattr(self._look.palette, colour), self._look.px(18))
        )
        row.addWidget(picture, 0, 0)
        text = make_label("notice", notice_text(notice, words), wraps=True)
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
        show_text(button, label or notice.action)
        button.clicked.connect(lambda: self._act(notice))
        self.buttons[notice.key] = button
        return button

    def _act(self, notice: Notice) -> None:
        if notice.action in PAGE_OF_ACTION:
            self.settings_asked.emit(PAGE_OF_ACTION[notice.action])
        self._send(RunNoticeAction(notice.key, notice.action))
