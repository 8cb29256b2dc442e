"""The list of past conversations by day, with search."""

from collections.abc import Callable
from datetime import date, datetime

from PySide6.QtCore import QLocale, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.history.store import ConversationInfo
from app.messages.errors import HistoryError
from app.session.commands import NewConversation, OpenConversation, SessionPort
from app.ui.conversation.actions import ConversationActions
from app.ui.theme import tokens
from app.ui.theme.icons import tinted_icon
from app.ui.theme.look import Look
from app.ui.widgets.controls import IconButton, PaneHeader, make_button, make_label

ID_ROLE = Qt.ItemDataRole.UserRole
DAYS_BY_NAME = 7  # older ones are headed by their date
MAX_LISTED = 500


def today() -> date:
    return datetime.now().astimezone().date()


class HistoryPanel(QWidget):
    """A list that is read again only when the store or the query has changed."""

    fold_asked = Signal()
    opened = Signal()

    def __init__(
        self,
        look: Look,
        session: SessionPort,
        actions: ConversationActions,
        day: Callable[[], date] = today,
    ) -> None:
        super().__init__()
        self.setObjectName("history")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._look = look
        self._session = session
        self._actions = actions
        self._day = day
        self._n_changes = -1
        self._current: int | None = None
        self.new = make_button("quiet")
        self.fold = IconButton("sidebar", "history.fold", look)
        self.search = QLineEdit()
        self.search.setObjectName("search")
        self.search.setClearButtonEnabled(False)
        self.list = QListWidget()
        self.nothing = make_label("muted", wraps=True)
        self._header = PaneHeader(look)
        self._arrange()
        self._connect()
        self.set_look(look)

    def set_look(self, look: Look) -> None:
        self._look = look
        words = look.words
        self._header.set_look(look)
        self.fold.set_look(look)
        self.new.setText(words("history.new"))
        self.new.setIcon(tinted_icon("plus", look.palette.text, look.px(18)))
        self.new.setIconSize(QSize(look.px(18), look.px(18)))
        self.new.setAccessibleName(words("history.new"))
        self.search.setPlaceholderText(words("history.search"))
        self.search.setAccessibleName(words("history.search"))
        self.list.setAccessibleName(words("history.list"))
        self.read_again()

    def show_state(self, conversation_id: int | None, n_changes: int) -> bool:
        """Return whether the list was read again."""
        key = n_changes + self._session.history().n_changes
        if key == self._n_changes and conversation_id == self._current:
            return False
        self._n_changes, self._current = key, conversation_id
        self.read_again()
        return True

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def read_again(self) -> None:
        query = self.search.text().strip()
        try:
            found = self._session.history().list_conversations(limit=MAX_LISTED, query=query)
        except HistoryError as error:
            self._actions.failed.emit(str(error))
            return
        self.list.blockSignals(True)
        self.list.clear()
        heading = ""
        for info in found:
            if (name := self._day_name(info)) != heading:
                heading = name
                self._add_heading(name)
            self._add(info, is_search=bool(query))
        self.list.blockSignals(False)
        self.nothing.setVisible(not found)
        self.nothing.setText(
            self._look.words("history.not_found" if query else "history.nothing_yet")
        )

    def open_menu(self, place: QPoint) -> None:
        item = self.list.itemAt(place)
        if item is not None and item.data(ID_ROLE) is not None:
            menu = self._actions.menu(item.data(ID_ROLE))
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.list.viewport().mapToGlobal(place))

    def _arrange(self) -> None:
        row = QHBoxLayout(self._header)
        row.setContentsMargins(tokens.SPACE_S, 0, tokens.SPACE_S, 0)
        row.addWidget(self.new)
        row.addStretch(1)
        row.addWidget(self.fold)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        body = QVBoxLayout()
        body.setContentsMargins(tokens.SPACE_M, 0, tokens.SPACE_M, tokens.SPACE_M)
        body.setSpacing(tokens.SPACE_M)
        body.addWidget(self.search)
        body.addWidget(self.nothing)
        body.addWidget(self.list, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(tokens.SPACE_XS)
        column.addWidget(self._header)
        column.addLayout(body, 1)

    def _connect(self) -> None:
        self.new.clicked.connect(lambda: self._session.send(NewConversation()))
        self.new.clicked.connect(self.opened)
        self.fold.clicked.connect(self.fold_asked)
        self.search.textChanged.connect(self.read_again)
        self.list.itemClicked.connect(self._open)
        self.list.itemActivated.connect(self._open)
        self.list.customContextMenuRequested.connect(self.open_menu)
        self._actions.done.connect(self.read_again)

    def _open(self, item: QListWidgetItem) -> None:
        conversation_id = item.data(ID_ROLE)
        if conversation_id is not None and conversation_id != self._current:
            self._session.send(OpenConversation(conversation_id))
        self.opened.emit()

    def _add_heading(self, name: str) -> None:
        item = QListWidgetItem(name)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        font = QFont()
        font.setPixelSize(self._look.px(tokens.SIZE_CAPTION))
        font.setWeight(QFont.Weight.DemiBold)
        item.setFont(font)
        self.list.addItem(item)

    def _add(self, info: ConversationInfo, *, is_search: bool) -> None:
        title = info.title or self._look.words("history.untitled")
        text = f"{title}\n{info.snippet}" if is_search and info.snippet else title
        item = QListWidgetItem(text)
        item.setData(ID_ROLE, info.id)
        item.setToolTip(title)
        self.list.addItem(item)
        if info.id == self._current:
            self.list.setCurrentItem(item)

    def _day_name(self, info: ConversationInfo) -> str:
        day = info.updated_at.astimezone().date()
        age = (self._day() - day).days
        if age <= 0:
            return self._look.words("history.today")
        if age == 1:
            return self._look.words("history.yesterday")
        locale = QLocale(self._look.words.language)
        if age < DAYS_BY_NAME:
            return locale.standaloneDayName(day.isoweekday())
        return locale.toString(day, QLocale.FormatType.LongFormat)
