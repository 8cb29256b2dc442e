"""No clipped text, nothing outside its parent, every control named, in every dress."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QAbstractSlider,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QScrollArea,
    QScrollBar,
    QWidget,
)

from app.ui.conversation.conversation_view import ConversationView
from app.ui.widgets.controls import ElidedLabel, WrappingButton
from tests.fakes.window_states import STATES
from tests.ui.conftest import Desk, visible_children

CONTROLS = (QAbstractButton, QAbstractSlider, QLineEdit, QComboBox, QAbstractScrollArea)
SLACK = 1  # px: rounding of scaled sizes


def is_scrolled(widget: QWidget) -> bool:
    """Inside a scroll area, where what lies outside can be reached."""
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QAbstractScrollArea):
            return True
        parent = parent.parentWidget()
    return False


def in_window(widget: QWidget) -> QRect:
    return QRect(widget.mapTo(widget.window(), QPoint(0, 0)), widget.size())


def clipped_texts(root: QWidget) -> list[str]:
    found: list[str] = []
    for widget in visible_children(root):
        if isinstance(widget, ElidedLabel):
            continue
        if isinstance(widget, QLabel) and widget.text():
            if widget.wordWrap():
                needed = widget.heightForWidth(widget.width())
                is_cut = widget.height() + SLACK < needed
            else:
                is_cut = widget.width() + SLACK < widget.minimumSizeHint().width()
            if is_cut:
                found.append(f"label {widget.text()!r} {widget.size()} needs {widget.sizeHint()}")
        elif isinstance(widget, WrappingButton):
            if widget.height() + SLACK < widget.heightForWidth(widget.width()):
                found.append(f"button {widget.words!r}")
        elif isinstance(widget, QAbstractButton) and widget.text():
            needed = widget.minimumSizeHint().width()
            if widget.width() + SLACK < needed:
                found.append(f"button {widget.text()!r} {widget.size()}")
    return found


def strays(root: QWidget) -> list[str]:
    """Visible widgets that reach out of their parent, unless they can be scrolled to."""
    found: list[str] = []
    for widget in visible_children(root):
        parent = widget.parentWidget()
        if parent is None or widget.isWindow() or is_scrolled(widget):
            continue
        if not parent.rect().adjusted(-SLACK, -SLACK, SLACK, SLACK).contains(widget.geometry()):
            found.append(f"{type(widget).__name__} {widget.geometry()} in {parent.rect()}")
    return found


def overlapping(root: QWidget) -> list[str]:
    controls = [
        w
        for w in visible_children(root)
        if isinstance(w, (QAbstractButton, QLineEdit, QAbstractSlider))
        and not isinstance(w, QScrollBar)
        and not is_scrolled(w)
        and not isinstance(w.parentWidget(), QComboBox)
    ]
    return [
        f"{a.accessibleName()} over {b.accessibleName()}"
        for i, a in enumerate(controls)
        for b in controls[i + 1 :]
        if in_window(a).adjusted(SLACK, SLACK, -SLACK, -SLACK).intersects(in_window(b))
    ]


def unnamed(root: QWidget) -> list[str]:
    return [
        f"{type(widget).__name__} {widget.objectName()}"
        for widget in visible_children(root)
        if isinstance(widget, CONTROLS)
        and not isinstance(widget, (QScrollBar, QScrollArea))
        and not widget.objectName().startswith("qt_")
        and widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not widget.accessibleName()
    ]


def assert_whole(root: QWidget) -> None:
    assert clipped_texts(root) == []
    assert strays(root) == []
    assert overlapping(root) == []
    assert unnamed(root) == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("percent", [80, 100, 200])
@pytest.mark.parametrize("size", [(1240, 800), (480, 560)], ids=["wide", "small"])
@pytest.mark.parametrize("state", STATES)
def test_the_window_is_whole(
    state_desk: Callable[..., Desk],
    state: str,
    size: tuple[int, int],
    percent: int,
    language: str,
) -> None:
    desk = state_desk(
        state, language=language, size=size, text_scale_percent=percent, show_diagnostics=True
    )
    assert_whole(desk.window)


def dialogs(desk: Desk) -> list[QDialog]:
    desk.window.open_settings()
    desk.window.open_first_run()
    found = [desk.window.settings_dialog, desk.window.first_run]
    return [dialog for dialog in found if dialog is not None]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("percent", [100, 200])
def test_the_dialogs_are_whole(
    state_desk: Callable[..., Desk], percent: int, language: str
) -> None:
    desk = state_desk("downloading", language=language, text_scale_percent=percent)
    settings, wizard = dialogs(desk)
    for page in range(settings.pages.count()):
        settings.navigation.setCurrentRow(page)
        desk.tick()
        assert_whole(settings)
    for _ in range(4):
        desk.tick()
        assert_whole(wizard)
        wizard.next.click()


def test_the_tab_key_reaches_every_control(state_desk: Callable[..., Desk]) -> None:
    desk = state_desk("speaking")
    window = desk.window
    wanted = {
        widget
        for widget in visible_children(window)
        if isinstance(widget, CONTROLS)
        and not isinstance(widget, QScrollBar)
        and widget.isEnabled()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    }
    reached: set[QWidget] = set()
    walk: QWidget = window
    for _ in range(500):
        walk = walk.nextInFocusChain()
        reached.add(walk)
    assert wanted <= reached
    middle = window.middle
    order = [middle.sidebar, middle.more, middle.captions, middle.controls.microphone]
    order = [w for w in order if w.isVisible()]
    chain = _chain(window)
    assert [w for w in chain if w in order] == order


def _chain(window: QWidget) -> list[QWidget]:
    found, walk = [], window.nextInFocusChain()
    while walk is not window:
        found.append(walk)
        walk = walk.nextInFocusChain()
    return found


def test_captions_are_text_to_a_screen_reader(state_desk: Callable[..., Desk]) -> None:
    desk = state_desk("listening")
    view = desk.window.findChild(ConversationView)
    assert view is not None
    assert view.accessibleName() == "Conversation"
    assert "Lisbon" in view.toPlainText()


def test_the_middle_alone_works_in_the_smallest_window(state_desk: Callable[..., Desk]) -> None:
    desk = state_desk("speaking", size=(480, 560))
    assert (desk.window.width(), desk.window.height()) == (480, 560)
    assert not desk.window.history.isVisible()
    assert desk.window.middle.controls.text.isVisible()
    assert desk.window.middle.state.word.isVisible()
