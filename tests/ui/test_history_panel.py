"""Past conversations: listed by day, found, opened, renamed, deleted, exported."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QListWidget, QMessageBox

from app.dialogue.state import Phase
from app.history.store import HistoryStore
from app.session.commands import NewConversation, OpenConversation
from app.session.snapshot import EngineSnapshot
from app.ui.conversation.history_panel import ID_ROLE
from tests.fakes.session import FakeSession
from tests.ui.conftest import Desk

LISTENING = EngineSnapshot(phase=Phase.LISTENING)


def texts(listed: QListWidget) -> list[str]:
    return [listed.item(i).text() for i in range(listed.count())]


def id_of(desk: Desk, title: str) -> int:
    listed = desk.window.history.list
    return next(
        listed.item(i).data(ID_ROLE)
        for i in range(listed.count())
        if listed.item(i).text() == title
    )


def test_conversations_are_listed_newest_first_under_their_day(
    make_desk: Callable[..., Desk],
) -> None:
    listed = texts(make_desk(LISTENING).window.history.list)
    assert set(listed) >= {"Today", "Yesterday"}
    assert (
        listed.index("Tuesday plans") < listed.index("Yesterday") < listed.index("Paris by train")
    )


def test_older_days_have_names_and_dates(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    now = datetime.now(UTC)
    times = iter([now - timedelta(days=3), now - timedelta(days=400)])
    store = HistoryStore(None, now=lambda: next(times))
    store.create_conversation("this week")
    store.create_conversation("long ago")
    desk.session._history.close()
    desk.session._history = store
    desk.window.history.read_again()
    listed = texts(desk.window.history.list)
    weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    assert listed[0] in weekdays
    assert str((now - timedelta(days=400)).year) in listed[2]


def test_search_finds_and_says_when_it_finds_nothing(make_desk: Callable[..., Desk]) -> None:
    panel = make_desk(LISTENING).window.history
    panel.search.setText("paris")
    assert [text for text in texts(panel.list) if text.startswith("Paris by train")]
    assert not [text for text in texts(panel.list) if text.startswith("Cooking")]
    panel.search.setText("zeppelin")
    assert texts(panel.list) == []
    assert panel.nothing.isVisible()
    panel.search.clear()
    assert "Cooking for six" in texts(panel.list)


def test_a_click_opens_a_conversation(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    listed = desk.window.history.list
    row = texts(listed).index("Cooking for six")
    listed.itemClicked.emit(listed.item(row))
    desk.tick()
    number = id_of(desk, "Cooking for six")
    assert desk.sent(OpenConversation) == [OpenConversation(number)]
    assert desk.window.middle.title.text() == "Cooking for six"
    assert len(desk.window.middle.captions.lines) == 2


def test_the_day_itself_cannot_be_opened(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    listed = desk.window.history.list
    listed.itemClicked.emit(listed.item(texts(listed).index("Today")))
    assert desk.sent(OpenConversation) == []


def test_new_starts_a_conversation(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    desk.window.history.new.click()
    assert desk.session.commands == [NewConversation()]


def test_renaming_changes_the_list_and_the_title(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    number = id_of(desk, "Tuesday plans")
    desk.show(conversation_id=number)
    desk.window.actions_on.rename(number, "Lisbon")
    desk.tick()
    assert "Lisbon" in texts(desk.window.history.list)
    assert desk.window.middle.title.text() == "Lisbon"


def test_deleting_asks_first_and_obeys_the_answer(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    number = id_of(desk, "Paris by train")
    desk.window.actions_on.confirm = lambda text, button: False
    desk.window.actions_on.ask_and_delete(number)
    assert "Paris by train" in texts(desk.window.history.list)
    desk.window.actions_on.confirm = lambda text, button: True
    desk.window.actions_on.ask_and_delete(number)
    assert "Paris by train" not in texts(desk.window.history.list)


def test_deleting_the_open_conversation_starts_a_new_one(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    number = id_of(desk, "Tuesday plans")
    desk.show(conversation_id=number)
    desk.window.actions_on.delete(number)
    assert desk.sent(NewConversation) == [NewConversation()]


def test_export_writes_markdown_and_json(make_desk: Callable[..., Desk], tmp_path: Path) -> None:
    desk = make_desk(LISTENING)
    number = id_of(desk, "Tuesday plans")
    desk.window.actions_on.export(number, tmp_path / "plans.md")
    desk.window.actions_on.export(number, tmp_path / "plans.json")
    assert "Lisbon" in (tmp_path / "plans.md").read_text("utf-8")
    assert json.loads((tmp_path / "plans.json").read_text("utf-8"))["title"] == "Tuesday plans"


def test_an_export_that_fails_is_a_notice(make_desk: Callable[..., Desk], tmp_path: Path) -> None:
    desk = make_desk(LISTENING)
    number = id_of(desk, "Tuesday plans")
    bar = desk.window.middle.notices
    desk.window.actions_on.export(number, tmp_path / "plans.docx")
    assert bar.isVisible()
    bar.closers["window"].click()
    assert not bar.isVisible()
    assert desk.session.commands == []


def test_the_menu_of_a_conversation_has_its_actions(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    menu = desk.window.actions_on.menu(id_of(desk, "Tuesday plans"))
    names = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert names[:3] == ["Rename …", "Export as Markdown …", "Export as JSON …"]
    assert [name.split(" (")[0] for name in names[3:]] == ["Cut me off", "Ignored me", "Delete …"]


def test_the_list_follows_the_store(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    assert isinstance(desk.session, FakeSession)
    other = HistoryStore(None)
    other.create_conversation("Fresh")
    desk.session._history.close()
    desk.session._history = other
    desk.show(n_history_changes=7)
    assert "Fresh" in texts(desk.window.history.list)


def test_the_question_before_deleting_keeps_by_default(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(LISTENING)
    answers: list[str] = []

    def press_default() -> None:
        box = desk.window.findChild(QMessageBox)
        assert box is not None
        answers.append(box.defaultButton().text())
        box.defaultButton().click()

    QTimer.singleShot(0, press_default)
    assert not desk.window.actions_on.confirm("Delete?", "Delete …")
    assert answers == ["Keep"]
