"""A window on a scripted session, without a screen. A warning of Qt fails the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.session.snapshot import EngineSnapshot
from app.settings.settings import AppearanceSettings, Settings
from app.ui.application import make_application
from app.ui.main_window import MainWindow
from tests.fakes.session import FakeSession
from tests.fakes.window_states import STATES, example_history, table_id

HERE = Path(__file__).parent
OFFSCREEN_LIMITS = "This plugin does not support"
FRAME_S = 1 / 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            item.add_marker(pytest.mark.qt_log_ignore(OFFSCREEN_LIMITS))


@pytest.fixture(scope="session")
def qapp() -> QApplication:
    return make_application()


class Desk:
    """A window, its session, and a clock that moves when told to."""

    def __init__(self, session: FakeSession, *, is_first_run: bool = False) -> None:
        self.time_s = 0.0
        self.session = session
        self.window = MainWindow(session, is_first_run=is_first_run, now=lambda: self.time_s)
        self.window.timer.stop()
        self.window.show()

    def tick(self, n: int = 1) -> None:
        for _ in range(n):
            self.time_s += FRAME_S
            self.window.tick()
        QApplication.processEvents()

    def show(self, **changes: object) -> None:
        self.session.picture = replace(self.session.picture, **changes)
        self.tick()

    def sent(self, kind: type) -> list[object]:
        return [command for command in self.session.commands if isinstance(command, kind)]

    def close(self) -> None:
        self.window.close()
        self.window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def make_desk(qapp: QApplication) -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []

    def make(
        picture: EngineSnapshot | None = None,
        *,
        size: tuple[int, int] = (1240, 800),
        is_first_run: bool = False,
        language: str = "en",
        **appearance: object,
    ) -> Desk:
        wished = AppearanceSettings(theme="light", ui_language=language)
        settings = Settings(appearance=replace(wished, **appearance))
        session = FakeSession(picture, settings, example_history(language))
        desk = Desk(session, is_first_run=is_first_run)
        desk.window.resize(*size)
        desk.tick()
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        desk.close()
        desk.session.history().close()


@pytest.fixture
def state_desk(make_desk: Callable[..., Desk]) -> Callable[..., Desk]:
    """A desk that shows one of the example states."""

    def make(state: str, *, language: str = "en", **rest: object) -> Desk:
        desk = make_desk(STATES[state](language), language=language, **rest)
        if desk.session.picture.conversation_id is not None:
            desk.show(conversation_id=table_id(desk.session.history()))
        desk.tick(30)
        return desk

    return make


def visible_children(root: QWidget) -> list[QWidget]:
    return [w for w in root.findChildren(QWidget) if w.isVisibleTo(root) and w.isVisible()]
