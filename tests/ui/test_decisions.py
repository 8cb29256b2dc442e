"""Why it stopped or waited is on the screen in sentences, and can be reached without a mouse."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QToolTip

from app.session.snapshot import TraceMark, TracePoint
from app.ui.diagnostics.decision_list import sentence
from app.ui.theme.translations import load_catalogue
from tests.fakes.window_states import MARKS, NOW_S, decided, example_trace
from tests.ui.conftest import Desk

LARGEST_SHARE = 0.2  # of one core; 0.02 measured on an idle one
CAUSES = {
    "end_of_turn": ("prediction", "wait", "limit", "typed", "released", "owed", "other"),
    "waited": ("went_on",),
    "held": ("prediction",),
    "interrupted": (
        "prediction", "stop_word", "stop_phrase", "stop_button", "push_to_talk", "typed", "words",
        "still_speaking", "other",
    ),
    "resumed": (
        "backchannel", "noise", "backchannel_words", "single_word", "no_words", "own_voice",
        "quiet", "other",
    ),
    "taken_back": ("went_on",),
    "dropped": ("own_voice",),
    "stopped": ("stop_button", "stop_phrase"),
}  # fmt: skip


def shown(desk: Desk) -> list[str]:
    rows = desk.window.diagnostics.decisions.rows
    return [text.text() for _, text in rows if text.isVisible()]


@pytest.fixture
def desk(state_desk: Callable[..., Desk]) -> Desk:
    return state_desk("listening", show_diagnostics=True)


def test_the_latest_five_decisions_are_sentences_newest_first(desk: Desk) -> None:
    assert shown(desk) == [
        "Stopped: 88 % sure that you wanted to speak (80 % needed).",
        "Paused its reply: 62 % sure that you wanted to speak (50 % needed).",
        (
            "Answered after 1.6 s of silence: it does not wait longer "
            "(41 % sure that you had finished)."
        ),
        (
            "Waited in your pause of 1.0 s: never more than 34 % sure that you had finished "
            "(50 % needed)."
        ),
        "Went on: 80 % sure that you only agreed (60 % needed).",
    ]


def test_they_are_told_in_the_language_of_the_window(state_desk: Callable[..., Desk]) -> None:
    desk = state_desk("listening", show_diagnostics=True, language="zh")
    assert shown(desk)[0] == "停下：88 % 确定你想说话（需要 80 %）。"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_cause_has_a_sentence_of_its_own(language: str) -> None:
    words = load_catalogue(language)
    told = {
        sentence(decided(1, what, cause), words) for what, causes in CAUSES.items()
        for cause in causes
    }  # fmt: skip
    assert len(told) == sum(len(causes) for causes in CAUSES.values())
    assert not any("{" in text for text in told)


def test_after_the_longest_wait_the_networks_own_thought_is_told() -> None:
    """The proposal only says that the turn is over now."""
    waited = decided(1, "end_of_turn", "wait", p_end_of_turn=0.5, silence_ms=1600.0)
    thought = (*waited.numbers, ("in.network_end_of_turn", 0.12))
    told = sentence(replace(waited, numbers=thought), load_catalogue("en"))
    assert "12 % sure" in told


def test_a_cause_without_words_is_told_without_it() -> None:
    words = load_catalogue("en")
    assert sentence(decided(1, "interrupted", "sunspots"), words) == "Stopped."
    assert sentence(decided(1, "danced", "sunspots"), words) == "danced"


def test_the_tab_key_walks_through_the_sentences_and_they_have_names(desk: Desk) -> None:
    texts = [text for _, text in desk.window.diagnostics.decisions.rows]
    desk.window.activateWindow()
    texts[0].setFocus()
    for text in texts[1:]:
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert QApplication.focusWidget() is text
    assert [text.accessibleName() for text in texts] == shown(desk)
    assert "smart_turn 1.72" in texts[0].accessibleDescription()


def test_ages_go_on_while_sentences_stay(desk: Desk) -> None:
    age, text = desk.window.diagnostics.decisions.rows[0]
    before = text.text()
    assert age.text() == "6 s ago"
    desk.show(now_s=NOW_S + 3)
    assert (age.text(), text.text()) == ("10 s ago", before)


def test_without_decisions_the_list_says_so(desk: Desk) -> None:
    desk.show(marks=(TraceMark(NOW_S - 3, "device_lost"),))
    decisions = desk.window.diagnostics.decisions
    assert shown(desk) == []
    assert decisions.empty.isVisible()
    assert decisions.empty.text() == "Nothing was decided in the last minute."


def test_pointing_at_a_mark_tells_its_reason(desk: Desk) -> None:
    plot = desk.window.diagnostics.plot
    x = round(plot.width() * (1 - 25 / 60))
    assert plot.mark_near(x) == MARKS[3]
    assert plot.mark_near(0) is None
    point = QPoint(x, 40)
    help_event = QHelpEvent(QEvent.Type.ToolTip, point, plot.mapToGlobal(point))
    QApplication.sendEvent(plot, help_event)
    assert QToolTip.text().startswith("Answered after 1.6 s of silence")
    assert "a question" in QToolTip.text()
    QToolTip.hideText()


def test_the_plot_tells_a_screen_reader_the_latest_decision(desk: Desk) -> None:
    plot = desk.window.diagnostics.plot
    assert plot.accessibleName() == "The last minute"
    assert plot.accessibleDescription().startswith("Stopped: 88 %")


def test_voice_and_other_sounds_look_different(desk: Desk) -> None:
    """The same level in the user's lane, once with a voice in it and once without."""
    plot = desk.window.diagnostics.plot
    voiced = plot.grab().toImage()
    mute = tuple(replace(point, p_speech=0.0) for point in example_trace())
    desk.show(trace=mute)
    assert plot.grab().toImage() != voiced


@pytest.mark.parametrize("field", ["p_backchannel", "p_noise", "p_interruption", "echo_dbfs"])
def test_every_trace_is_drawn(desk: Desk, field: str) -> None:
    plot = desk.window.diagnostics.plot
    before = plot.grab().toImage()
    floor = -120.0 if field == "echo_dbfs" else 0.0
    desk.show(trace=tuple(replace(point, **{field: floor}) for point in example_trace()))
    assert plot.grab().toImage() != before


def test_the_plot_moves_by_whole_pixels(desk: Desk) -> None:
    """Pictures that nobody could tell apart are not painted."""
    plot, trace = desk.window.diagnostics.plot, example_trace()

    def later(seconds: float) -> tuple[TracePoint, ...]:
        return (*trace[1:], replace(trace[-1], at_s=trace[-1].at_s + seconds))

    one_pixel_s = 60 / plot.width()
    assert not plot.show_trace(later(0.4 * one_pixel_s), MARKS)
    assert plot.show_trace(later(1.1 * one_pixel_s), MARKS)
    assert plot.show_trace(later(1.2 * one_pixel_s), MARKS[:2])


def test_a_minute_of_everything_costs_little(desk: Desk) -> None:
    """Ten looks a second for ten seconds, in CPU time, so that other load is no matter."""
    trace = example_trace()
    begun_s = time.process_time()
    for k in range(1, 101):
        moved = tuple(replace(point, at_s=point.at_s + k / 10) for point in trace[-60:])
        desk.show(trace=trace[60:] + moved, now_s=NOW_S + k / 10)
    assert time.process_time() - begun_s < 10.0 * LARGEST_SHARE


def test_rows_that_are_not_used_are_out_of_the_way(desk: Desk) -> None:
    desk.show(marks=MARKS[:2])
    rows = desk.window.diagnostics.decisions.rows
    hidden = [label for row in rows[2:] for label in row]
    assert all(isinstance(label, QLabel) and not label.isVisible() for label in hidden)
