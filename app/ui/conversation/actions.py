"""Rename, delete and export conversations after asking the user."""

import logging
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu, QMessageBox, QWidget

from app.history.export import export_conversation
from app.messages.errors import HistoryError, ParleyError
from app.replay.marks import BadMoment
from app.session.commands import DeleteRecordings, MarkMoment, NewConversation, SessionPort
from app.ui.theme.look import Look

logger = logging.getLogger(__name__)

FORMATS = ("md", "json")


class ConversationActions(QObject):
    """The actions on a conversation; emits ``failed`` with one line for the notices bar."""

    failed = Signal(str)
    done = Signal()

    def __init__(self, look: Look, session: SessionPort, window: QWidget) -> None:
        super().__init__(window)
        self.look = look
        self._session = session
        self._window = window

    def menu(self, conversation_id: int) -> QMenu:
        """Return a new menu of everything that can be done with the conversation."""
        words = self.look.words
        menu = QMenu(self._window)
        menu.addAction(words("history.rename"), lambda: self.ask_new_title(conversation_id))
        for suffix in FORMATS:
            menu.addAction(
                words(f"history.export_{suffix}"),
                lambda s=suffix: self.ask_where_to_export(conversation_id, s),
            )
        menu.addSeparator()
        self._add_bad_moments(menu)
        menu.addSeparator()
        menu.addAction(words("history.delete"), lambda: self.ask_and_delete(conversation_id))
        return menu

    def _add_bad_moments(self, menu: QMenu) -> None:
        """Add the entries that save a bad moment, disabled and explained without recording."""
        words = self.look.words
        is_recording = self._session.settings().privacy.record_audio
        menu.setToolTipsVisible(True)
        for kind in BadMoment:
            name = words(f"bad.{kind}")
            text = name if is_recording else words("bad.needs_recording", name=name)
            action = menu.addAction(text, lambda k=kind: self._session.send(MarkMoment(k)))
            action.setToolTip(
                words(f"bad.{kind}.help" if is_recording else "bad.needs_recording.help")
            )
            action.setEnabled(is_recording)

    def title(self, conversation_id: int | None) -> str:
        """Return the shown title; one that is not in the store is titled as a new conversation."""
        title = ""
        if conversation_id is not None:
            try:
                title = self._session.history().conversation(conversation_id).title
            except HistoryError:
                logger.debug("conversation %d is not in the store", conversation_id)
        return title or self.look.words("history.untitled")

    def ask_new_title(self, conversation_id: int) -> None:
        words = self.look.words
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(words("history.rename"))
        dialog.setLabelText(words("history.new_title"))
        dialog.setTextValue(self.title(conversation_id))
        dialog.textValueSelected.connect(lambda title: self.rename(conversation_id, title))
        dialog.open()

    def rename(self, conversation_id: int, title: str) -> None:
        self._try(lambda: self._session.history().rename(conversation_id, title))

    def ask_and_delete(self, conversation_id: int) -> None:
        words = self.look.words
        text = words("history.delete_question", title=self.title(conversation_id))
        if self.confirm(text, words("history.delete")):
            self.delete(conversation_id)

    def delete(self, conversation_id: int) -> None:
        if self._session.snapshot().conversation_id == conversation_id:
            self._session.send(NewConversation())
        self._try(lambda: self._session.history().delete(conversation_id))

    def delete_all(self) -> None:
        self._session.send(NewConversation())
        self._try(lambda: self._session.history().delete_all())

    def ask_and_delete_all(self) -> None:
        words = self.look.words
        if self.confirm(words("privacy.delete_question"), words("privacy.delete_all")):
            self.delete_all()

    def ask_and_delete_recordings(self) -> None:
        words = self.look.words
        question = words("privacy.delete_recordings_question")
        if self.confirm(question, words("privacy.delete_recordings")):
            self._session.send(DeleteRecordings())

    def confirm(self, text: str, button: str, consequence: str = "") -> bool:
        """Ask in the only modal box of the window whether to go on.

        ``consequence``: what cannot be undone, where that is not "deleted for good".
        """
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setText(text)
        box.setInformativeText(consequence or self.look.words("history.no_return"))
        delete = box.addButton(button, QMessageBox.ButtonRole.DestructiveRole)
        keep = box.addButton(self.look.words("dialog.keep"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(keep)
        box.exec()
        return box.clickedButton() is delete

    def ask_where_to_export(self, conversation_id: int, suffix: str) -> None:
        words = self.look.words
        name = _file_name(self.title(conversation_id))
        dialog = QFileDialog(self._window, words(f"history.export_{suffix}"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(suffix)
        dialog.selectFile(f"{name}.{suffix}")
        dialog.fileSelected.connect(lambda path: self.export(conversation_id, Path(path)))
        dialog.open()

    def export(self, conversation_id: int, path: Path) -> None:
        """Write Markdown or JSON, by the file's suffix."""
        self._try(lambda: export_conversation(self._session.history(), conversation_id, path))

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except ParleyError as error:
            # Not the message: it may hold a title, which is what the user said.
            logger.info("an action on a conversation failed: %s", type(error).__name__)
            self.failed.emit(str(error))
        else:
            self.done.emit()


def _file_name(title: str) -> str:
    """Turn a title into a file name that every system accepts."""
    kept = "".join(c if c.isalnum() or c in " -_" else " " for c in title)
    return " ".join(kept.split())[:60] or "conversation"
