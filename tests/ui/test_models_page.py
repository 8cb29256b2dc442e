"""Model files in the settings: fetched on a click only, given up, removed after a question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.dialogue.state import Phase
from app.session.catalog import WeightInfo
from app.session.commands import ApplySettings, FetchWeights, RemoveWeights, StopFetching
from app.session.snapshot import DownloadInfo, EngineSnapshot
from app.ui.settings.models_page import ModelsPage, SetCard
from app.ui.settings.weight_sets import sets_for_voices, weight_sets
from app.ui.status.progress_text import download_words, duration
from tests.fakes.session import MODELS, VOICES
from tests.ui.conftest import Desk

HD = ("kokoro", "kokoro-puck")


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    made = make_desk(EngineSnapshot(phase=Phase.LISTENING))
    made.window.open_settings("models")
    made.tick()
    return made


def page_of(desk: Desk) -> ModelsPage:
    assert desk.window.settings_dialog is not None
    return desk.window.settings_dialog.models


def buttons(card: SetCard) -> set[str]:
    named = {"get": card.get, "stop": card.stop, "remove": card.remove}
    return {name for name, button in named.items() if button.isVisibleTo(card)}


def test_a_set_inside_another_is_not_shown_twice() -> None:
    assert [found.id for found in weight_sets(MODELS)] == [
        "core", "quick", "better", "hd-voices", "mandarin",
    ]  # fmt: skip


def test_what_another_set_needs_is_never_removed() -> None:
    sets = {found.id: found for found in weight_sets(MODELS)}
    assert sets["quick"].removable == ("smollm2-135m",)
    assert sets["core"].removable == ("qwen2.5-0.5b",)


def test_missing_voices_name_the_set_they_need() -> None:
    voices = tuple(replace(v, is_available=not v.needs) for v in VOICES)
    assert [found.id for found in sets_for_voices(voices, MODELS)] == ["hd-voices"]
    here = tuple(replace(model, is_present=True) for model in MODELS)
    assert sets_for_voices(voices, here) == ()


def test_each_card_offers_what_can_be_done(desk: Desk) -> None:
    cards = page_of(desk).cards
    assert buttons(cards["core"]) == set()
    assert buttons(cards["quick"]) == {"remove"}
    assert buttons(cards["better"]) == {"get"}
    assert cards["better"].get.text() == "Get · 1,117 MB"
    assert cards["core"].state.text() == "Ready, in use"


def test_a_choice_without_its_files_says_so(desk: Desk) -> None:
    settings = desk.session.settings().with_value("model", "answers", "better")
    desk.session.send(ApplySettings(settings))
    desk.tick()
    cards = page_of(desk).cards
    assert "press “Get”" in cards["better"].state.text()
    assert buttons(cards["core"]) == {"remove"}


def test_the_page_says_that_a_click_is_the_permission_and_when_none_is_given(desk: Desk) -> None:
    page = page_of(desk)
    assert "only when you press" in page.consent.text()
    settings = desk.session.settings().with_value("privacy", "network", "never")
    desk.session.send(ApplySettings(settings))
    desk.tick()
    assert "refused" in page.consent.text()
    assert desk.sent(FetchWeights) == []


def test_a_download_is_followed_to_its_end(desk: Desk) -> None:
    card = page_of(desk).cards["hd-voices"]
    card.get.click()
    assert desk.sent(FetchWeights) == [FetchWeights(HD)]
    desk.tick()
    assert buttons(card) == {"stop"}
    moving = DownloadInfo(HD, "kokoro", 46_250_000, 92_500_000, 1_850_000.0, 25.0)
    desk.show(downloads=(moving,))
    assert card.progress.text() == "50% · 46 of 92 MB · 1.9 MB/s · 25 s left"
    assert card.bar.value() == 500
    desk.session.arrive(HD)
    desk.tick()
    assert buttons(card) == {"remove"}
    assert card.state.text() == "Ready"


def test_a_download_is_given_up(desk: Desk) -> None:
    card = page_of(desk).cards["hd-voices"]
    card.get.click()
    desk.tick()
    card.stop.click()
    desk.tick()
    assert desk.sent(StopFetching) == [StopFetching(HD)]
    assert buttons(card) == {"get"}


def test_a_failure_stands_on_its_card_and_can_be_tried_again(desk: Desk) -> None:
    card = page_of(desk).cards["mandarin"]
    failed = DownloadInfo(("speech-zh",), error="no room")
    desk.show(downloads=(failed,))
    assert card.progress.text() == "The download failed: no room"
    assert buttons(card) == {"get"}


def test_removing_asks_first(desk: Desk) -> None:
    asked: list[tuple[str, ...]] = []

    def answer(is_yes: bool) -> Callable[..., bool]:
        def confirm(*texts: str) -> bool:
            asked.append(texts)
            return is_yes

        return confirm

    card = page_of(desk).cards["quick"]
    desk.window.actions_on.confirm = answer(False)
    card.remove.click()
    assert desk.sent(RemoveWeights) == []
    desk.window.actions_on.confirm = answer(True)
    card.remove.click()
    desk.tick()
    assert desk.sent(RemoveWeights) == [RemoveWeights(("smollm2-135m",))]
    assert "Quick" in asked[0][0]
    assert "again" in asked[0][2]
    assert buttons(card) == {"get"}


def test_many_small_files_are_counted(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(EngineSnapshot(phase=Phase.LISTENING))
    desk.session._models = tuple(
        WeightInfo(f"style-{i}", "a style", 0.5, "MIT", True, ("styles",)) for i in range(40)
    )
    desk.window.open_settings("models")
    card = page_of(desk).cards["styles"]
    card.details.click()
    lines = card.files.text().splitlines()
    assert len(lines) == 13
    assert lines[-1] == "… and 28 more small files"


def test_hd_voices_are_offered_where_voices_are_chosen(desk: Desk) -> None:
    voices = desk.window.open_voice_menu().voices
    getter = voices.getters["hd-voices"]
    assert getter.text() == "Get HD voices · 92 MB"
    assert not voices.choices["puck"].isEnabled()
    getter.click()
    assert desk.sent(FetchWeights) == [FetchWeights(HD)]


def test_voices_that_arrived_can_be_chosen_at_once(desk: Desk) -> None:
    dialog = desk.window.settings_dialog
    assert dialog is not None
    desk.tick()
    dialog.voices.voices.getters["hd-voices"].click()
    desk.tick()
    assert dialog.voices.voices.getters["hd-voices"].text() == "Getting HD voices · 0%"
    desk.session.arrive(HD)
    desk.tick()
    assert dialog.voices.voices.getters == {}
    assert dialog.voices.voices.choices["puck"].isEnabled()


def test_time_left_is_said_as_people_say_it(desk: Desk) -> None:
    words = desk.window.look.words
    assert duration(0.2, words) == "1 s"
    assert duration(89.0, words) == "89 s"
    assert duration(150.0, words) == "2 min"
    assert download_words(DownloadInfo(HD), words) == "Waiting to begin …"
