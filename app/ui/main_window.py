"""The window: three panes that read the session's snapshot thirty times a second.

It holds no state of the conversation: everything shown comes from the snapshot and the settings.
"""

import time
from collections.abc import Callable

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QMainWindow

from app.dialogue.events import (
    MicrophoneSwitched,
    StopRequested,
    TalkPressed,
    TalkReleased,
    TextSubmitted,
)
from app.messages.notices import Notice, NoticeKind
from app.replay.marks import BadMoment
from app.session.commands import (
    ApplySettings,
    Command,
    MarkMoment,
    NewConversation,
    RemoveWeights,
    SessionPort,
)
from app.session.snapshot import EngineSnapshot
from app.ui.conversation.actions import ConversationActions
from app.ui.conversation.history_panel import HistoryPanel
from app.ui.diagnostics.diagnostics_panel import DiagnosticsPanel
from app.ui.middle_pane import MiddlePane
from app.ui.notices_bar import DISMISS
from app.ui.panes import Panes
from app.ui.settings.first_run import FirstRun
from app.ui.settings.settings_dialog import SettingsDialog
from app.ui.settings.voice_menu import VoiceMenu
from app.ui.theme.appearance import make_look, qt_palette
from app.ui.theme.style_sheet import build_style_sheet
from app.ui.widgets.shortcuts import SHORTCUTS, HeldSpace

FRAME_MS = 33  # 30 looks a second while anything moves
IDLE_MS = 66  # at rest; a change is still on the screen within 100 ms
REST_AFTER_S = 1.0
HIDDEN_MS = 500  # nobody sees a minimised window; Ctrl+C must still get through

MIN_WIDTH, MIN_HEIGHT = 480, 560
MIN_GROWTH = 0.35  # of the text's growth: the parts that step back make up for the rest
START_WIDTH, START_HEIGHT = 1180, 780

LOCAL_NOTICE = "window"


class MainWindow(QMainWindow):
    """The main window.

    ``is_first_run`` opens the introduction as well. ``now`` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        session: SessionPort,
        *,
        is_first_run: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._session = session
        self._now = now
        self._settings = session.settings()
        self._picture = EngineSnapshot()
        self._own_notices: dict[str, Notice] = {}
        self._last_tick_s = now()
        self._moved_at_s = now()
        self.look = make_look(self._settings.appearance)
        self.actions_on = ConversationActions(self.look, session, self)
        self.history = HistoryPanel(self.look, session, self.actions_on)
        self.middle = MiddlePane(self.look, self._send)
        self.diagnostics = DiagnosticsPanel(self.look)
        self.panes = Panes(self.history, self.middle, self.diagnostics)
        self.settings_dialog: SettingsDialog | None = None
        self.first_run: FirstRun | None = None
        self.setCentralWidget(self.panes)
        self.resize(START_WIDTH, START_HEIGHT)
        self._space = HeldSpace(self)
        self.shortcuts: dict[str, QShortcut] = {}
        self._connect()
        self._show_look()
        self.middle.controls.show_recording(is_on=self._settings.privacy.record_audio)
        self._fold_as_set()
        self.timer = QTimer(self)
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self.tick)
        self.timer.start(FRAME_MS)
        self.tick()
        self.middle.setFocus()
        if is_first_run:
            QTimer.singleShot(0, self, self.open_first_run)

    @property
    def picture(self) -> EngineSnapshot:
        return self._picture

    def tick(self) -> None:
        """Read the session once and update only what differs."""
        now = self._now()
        elapsed_s, self._last_tick_s = min(0.25, now - self._last_tick_s), now
        settings = self._session.settings()
        if settings is not self._settings and settings != self._settings:
            self._take_settings()
        picture = self._session.snapshot()
        has_moved = self._show(picture, elapsed_s)
        if has_moved:
            self._moved_at_s = now
        self._set_interval(is_resting=now - self._moved_at_s > REST_AFTER_S)

    def open_settings(self, page: str = "audio") -> None:
        if self.settings_dialog is None:
            dialog = SettingsDialog(self.look, self._session, self)
            dialog.delete_all_asked.connect(self.actions_on.ask_and_delete_all)
            dialog.delete_recordings_asked.connect(self.actions_on.ask_and_delete_recordings)
            dialog.first_run_asked.connect(self.open_first_run)
            dialog.remove_weights_asked.connect(self._ask_and_remove)
            self.settings_dialog = dialog
        self.settings_dialog.open_page(page)
        self.settings_dialog.show()
        self.settings_dialog.raise_()
        self.settings_dialog.activateWindow()

    def open_first_run(self) -> None:
        if self.first_run is not None:
            self.first_run.deleteLater()
        self.first_run = FirstRun(self.look, self._session, self)
        self.first_run.show()

    def open_voice_menu(self) -> VoiceMenu:
        button = self.middle.controls.voice_button
        menu = VoiceMenu(self.look, self._session, self)
        menu.open_above(button)
        return menu

    def toggle_history(self) -> None:
        self._fold("show_history", not self.panes.is_history_shown)

    def toggle_diagnostics(self) -> None:
        self._fold("show_diagnostics", not self.panes.is_diagnostics_shown)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide the window at once; what takes time happens after it."""
        self.timer.stop()
        event.accept()
        self.hide()
        QGuiApplication.quit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.panes.arrange(self.look)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange and hasattr(self, "timer"):
            self._set_interval(is_resting=False)

    def _send(self, command: Command) -> None:
        self._moved_at_s = self._now()
        if command_is_own_dismissal(command, self._own_notices):
            self._show_notices()
            return
        self._session.send(command)

    def _ask_and_remove(self, names: tuple[str, ...], title: str) -> None:
        words = self.look.words
        question = words("models.remove_question", name=title)
        if self.actions_on.confirm(question, words("models.remove"), words("models.can_come_back")):
            self._send(RemoveWeights(names))

    def _set_interval(self, *, is_resting: bool) -> None:
        wanted = IDLE_MS if is_resting else FRAME_MS
        if self.isMinimized():
            wanted = HIDDEN_MS
        if self.timer.isActive() and self.timer.interval() != wanted:
            self.timer.setInterval(wanted)

    def _show(self, picture: EngineSnapshot, elapsed_s: float) -> bool:
        old, self._picture = self._picture, picture
        has_moved = self.middle.show_picture(picture, elapsed_s)
        if picture.notices != old.notices:
            self._show_notices()
        if self.history.show_state(picture.conversation_id, picture.n_history_changes) or (
            picture.conversation_id != old.conversation_id
        ):
            self._show_title()
        has_moved |= self.diagnostics.show_picture(picture)
        for dialog in (self.settings_dialog, self.first_run):
            if dialog is not None:
                dialog.show_picture(picture, elapsed_s)
        return has_moved

    def _show_title(self) -> None:
        title = self.actions_on.title(self._picture.conversation_id)
        self.middle.show_title(title, can_act=self._picture.conversation_id is not None)
        self.setWindowTitle(f"{title} – Parley")

    def _show_notices(self) -> None:
        self.middle.show_notices((*self._picture.notices, *self._own_notices.values()))

    def _report(self, text: str) -> None:
        self._own_notices[LOCAL_NOTICE] = Notice(LOCAL_NOTICE, NoticeKind.ERROR, text, DISMISS)
        self._show_notices()

    def _take_settings(self) -> None:
        old, self._settings = self._settings, self._session.settings()
        settings = self._settings
        if old.appearance != settings.appearance:
            self._show_look()
            self._fold_as_set()
        self.middle.controls.show_voice(settings.voice, self._session.catalog.voices())
        self.middle.controls.show_recording(is_on=settings.privacy.record_audio)
        for dialog in (self.settings_dialog, self.first_run):
            if dialog is not None:
                dialog.show_settings(settings)

    def _show_look(self) -> None:
        self.look = make_look(self._settings.appearance)
        self.setPalette(qt_palette(self.look))
        self.setStyleSheet(build_style_sheet(self.look))
        self.actions_on.look = self.look
        for part in (self.history, self.middle, self.diagnostics):
            part.set_look(self.look)
        if self.settings_dialog is not None:
            self.settings_dialog.set_look(self.look)
        self.middle.controls.show_voice(self._settings.voice, self._session.catalog.voices())
        self._show_title()
        growth = 1 + max(0.0, self.look.text_percent / 100 - 1) * MIN_GROWTH
        self.setMinimumSize(round(MIN_WIDTH * growth), round(MIN_HEIGHT * growth))
        self.panes.arrange(self.look)

    def _fold(self, key: str, is_shown: bool) -> None:
        """Show or hide a pane; in a narrow window that is not remembered."""
        if self.panes.is_narrow:
            self.panes.glance(key.removeprefix("show_") if is_shown else "")
            self.panes.arrange(self.look)
            return
        settings = self._settings.with_value("appearance", key, is_shown)
        self._session.send(ApplySettings(settings))
        self._show_folds(settings.appearance.show_history, settings.appearance.show_diagnostics)

    def _fold_as_set(self) -> None:
        appearance = self._settings.appearance
        self._show_folds(appearance.show_history, appearance.show_diagnostics)

    def _show_folds(self, has_history: bool, has_diagnostics: bool) -> None:
        self.panes.want(has_history=has_history, has_diagnostics=has_diagnostics)
        self.panes.arrange(self.look)
        self.middle.show_folds(has_history=self.panes.is_history_shown)

    def _open_conversation_menu(self) -> None:
        conversation_id = self._picture.conversation_id
        if conversation_id is not None:
            menu = self.actions_on.menu(conversation_id)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            button = self.middle.more
            menu.popup(button.mapToGlobal(button.rect().bottomLeft()))

    def _end_glance(self) -> None:
        self.panes.glance("")
        self.panes.arrange(self.look)

    def _connect(self) -> None:
        middle = self.middle
        self.history.fold_asked.connect(self.toggle_history)
        self.history.opened.connect(self._end_glance)
        self.diagnostics.fold_asked.connect(self.toggle_diagnostics)
        self.actions_on.failed.connect(self._report)
        self.actions_on.done.connect(self._show_title)
        middle.sidebar.clicked.connect(self.toggle_history)
        middle.pulse.clicked.connect(self.toggle_diagnostics)
        middle.more.clicked.connect(self._open_conversation_menu)
        middle.settings.clicked.connect(lambda: self.open_settings("audio"))
        middle.notices.settings_asked.connect(self.open_settings)
        middle.controls.voice_menu_asked.connect(self.open_voice_menu)
        middle.empty.suggestion_chosen.connect(lambda text: self._send(TextSubmitted(text)))
        self._space.pressed.connect(lambda: self._send(TalkPressed()))
        self._space.released.connect(lambda: self._send(TalkReleased()))
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._show_look)
        actions: dict[str, Callable[[], object]] = {
            "stop": lambda: self._send(StopRequested()),
            "mute": lambda: self._send(MicrophoneSwitched(not self._picture.is_mic_open)),
            "new": lambda: self._send(NewConversation()),
            "cut_me_off": lambda: self._send(MarkMoment(BadMoment.CUT_ME_OFF)),
            "ignored_me": lambda: self._send(MarkMoment(BadMoment.IGNORED_ME)),
            "search": self._search,
            "settings": self.open_settings,
            "diagnostics": self.toggle_diagnostics,
            "history": self.toggle_history,
            "keys": lambda: self.open_settings("shortcuts"),
            "quit": self.close,
        }
        for shortcut in SHORTCUTS:
            if shortcut.keys:
                key = QShortcut(QKeySequence(shortcut.keys), self)
                key.activated.connect(actions[shortcut.id])
                self.shortcuts[shortcut.id] = key

    def _search(self) -> None:
        if not self.panes.is_history_shown:
            self.toggle_history()
        self.history.focus_search()


def command_is_own_dismissal(command: Command, own: dict[str, Notice]) -> bool:
    """Return whether the command dismissed one of the window's own notices."""
    key = getattr(command, "key", None)
    return isinstance(key, str) and own.pop(key, None) is not None
