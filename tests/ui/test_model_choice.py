"""The model that talks is chosen in the settings; what cannot be used says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.dialogue.state import Phase
from app.session.commands import AddModelFolder, ApplySettings, RemoveWeights
from app.session.snapshot import EngineSnapshot
from app.ui.settings.model_choice import ModelChoice
from tests.ui.conftest import Desk


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    made = make_desk(EngineSnapshot(phase=Phase.LISTENING))
    made.window.open_settings("models")
    made.tick()
    return made


def choice_of(desk: Desk) -> ModelChoice:
    assert desk.window.settings_dialog is not None
    return desk.window.settings_dialog.model_choice


def test_every_model_stands_there_with_its_reason(desk: Desk) -> None:
    rows = choice_of(desk).rows
    assert list(rows) == ["cascade", "vita-audio-boost", "local:mine"]
    assert rows["cascade"].use.text() == "In use"
    assert not rows["cascade"].use.isEnabled()
    boost = rows["vita-audio-boost"]
    assert not boost.use.isEnabled()
    assert "run: python3 packaging/launch.py --speech-lm" in boost.reason.text()
    assert rows["local:mine"].use.isEnabled()


def test_choosing_a_model_is_one_click(desk: Desk) -> None:
    choice_of(desk).rows["local:mine"].use.click()
    (sent,) = desk.sent(ApplySettings)
    assert sent.settings.model.name == "local:mine"
    desk.tick()
    rows = choice_of(desk).rows
    assert rows["local:mine"].use.text() == "In use"
    assert rows["cascade"].use.isEnabled()


def test_a_folder_is_added_and_appears(desk: Desk) -> None:
    choice = choice_of(desk)
    choice.ask_folder = lambda: ""
    choice.add.click()
    assert desk.sent(AddModelFolder) == []
    choice.ask_folder = lambda: "/models/new"
    choice.add.click()
    desk.tick()
    assert desk.sent(AddModelFolder) == [AddModelFolder("/models/new")]
    assert "local:/models/new" in choice.rows


def test_a_folder_is_forgotten_unless_it_is_in_use(desk: Desk) -> None:
    choice = choice_of(desk)
    assert not choice.rows["cascade"].forget.isVisibleTo(choice)
    choice.rows["local:mine"].forget.click()
    desk.tick()
    assert desk.sent(RemoveWeights) == [RemoveWeights(("local:mine",))]
    assert "local:mine" not in choice.rows
