"""Start Qt and the window, and end both; the only place where a QApplication is made."""

import logging
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from PySide6.QtCore import QMessageLogContext, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import QApplication, QWidget

from app import __version__
from app.session.commands import SessionPort
from app.ui.main_window import MainWindow
from app.ui.theme.icons import ICONS

logger = logging.getLogger(__name__)

SCREENSHOT_AFTER_MS = 1500  # fonts, first paint and one second of the ring

PLATFORM_LIMIT = "This plugin does not support"  # Wayland says so of every window that is raised

LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


def run_window(
    session: SessionPort,
    *,
    on_quit: Callable[[], None],
    first_run: bool,
    screenshot_path: Path | None = None,
) -> int:
    """Show the window until it is closed, blocking the main thread in Qt's own loop.

    Closing the window (or Ctrl+C) hides it at once; then ``on_quit`` is called exactly once.

    Args:
        first_run: open the introduction with the window.
        screenshot_path: take a picture of the window shortly after it opened, then quit.

    Returns:
        The exit code.
    """
    application = make_application()
    try:
        window = MainWindow(session, is_first_run=first_run)
        window.show()
        if screenshot_path is not None:
            QTimer.singleShot(
                SCREENSHOT_AFTER_MS, window, lambda: _photograph(window, screenshot_path)
            )
        with _quit_on_signals(application):
            code = application.exec()
        window.timer.stop()
        window.hide()
        application.processEvents()  # the hidden window must be gone before anything slow begins
        return code
    finally:
        on_quit()


def make_application() -> QApplication:
    """Return the one QApplication, making it if needed; Qt's messages go to the log."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    qInstallMessageHandler(_log_qt_message)
    QGuiApplication.setDesktopFileName("parley")
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Parley")
    application.setApplicationVersion(__version__)
    application.setStyle("Fusion")
    application.setWindowIcon(QIcon(str(ICONS / "parley.svg")))
    return application


@contextmanager
def _quit_on_signals(application: QApplication) -> Generator[None]:
    """Close the window on SIGINT and SIGTERM, at the next tick of its timer."""

    def quit_application(number: int, _frame: FrameType | None) -> None:
        logger.info("signal %d: closing", number)
        application.quit()

    old = {
        number: signal.signal(number, quit_application)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _photograph(window: QWidget, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not window.grab().save(str(path)):
        logger.error("%s: the picture could not be written", path)
    window.close()


def _log_qt_message(kind: QtMsgType, _context: QMessageLogContext, message: str) -> None:
    level = LEVELS.get(kind, logging.WARNING)
    if message.startswith(PLATFORM_LIMIT):
        level = logging.INFO
    logging.getLogger("qt").log(level, "%s", message)
