"""Every state is on the screen, in words, in time, and at rest when nothing happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.dialogue.captions import CaptionLine
from app.dialogue.events import MicrophoneSwitched
from app.dialogue.state import Phase
from app.messages.notices import Notice, NoticeKind
from app.session.commands import RunNoticeAction
from app.session.snapshot import EngineSnapshot
from app.ui.main_window import FRAME_MS, IDLE_MS
from app.ui.status.shown_state import ShownState, shown_state
from tests.fakes.window_states import STATES
from tests.ui.conftest import Desk

WORDS = {
    "starting": "Starting",
    "listening": "Listening",
    "hearing": "You are speaking",
    "thinking": "Thinking",
    "speaking": "Speaking",
    "overlap": "Both speaking",
    "interrupted": "You interrupted",
    "stopping": "Stopping",
    "muted": "Microphone is off",
    "hold_to_talk": "Hold Space to talk",
    "device_lost": "No sound device",
}


@pytest.mark.parametrize(("state", "words"), WORDS.items())
def test_the_state_is_said_in_words(
    state_desk: Callable[..., Desk], state: str, words: str
) -> None:
    desk = state_desk(state)
    assert desk.window.middle.state.word.text() == words
    assert desk.window.middle.state.ring.accessibleDescription() == words
    assert not desk.window.grab().isNull()


@pytest.mark.parametrize("reduces_motion", [False, True])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_state_looks_different(
    state_desk: Callable[..., Desk], theme: str, reduces_motion: bool
) -> None:
    pictures = {}
    for state in WORDS:
        desk = state_desk(state, theme=theme, reduce_motion=reduces_motion)
        image = desk.window.middle.state.grab().toImage()
        pictures[state] = bytes(image.constBits())
    assert len(set(pictures.values())) == len(WORDS)


def test_a_change_is_visible_within_a_tenth_of_a_second(make_desk: Callable[..., Desk]) -> None:
    """By construction: the window looks at least every ``IDLE_MS``, and one look paints."""
    assert IDLE_MS + FRAME_MS <= 100
    desk = make_desk(EngineSnapshot(phase=Phase.LISTENING))
    desk.tick(120)
    n_paints = desk.window.middle.state.ring.n_paints
    desk.show(phase=Phase.THINKING)
    assert desk.window.middle.state.ring.n_paints == n_paints + 1
    assert desk.window.middle.state.word.text() == "Thinking"


def test_nothing_is_repainted_at_rest(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(EngineSnapshot(phase=Phase.LISTENING))
    desk.tick(60)
    n_paints = desk.window.middle.state.ring.n_paints
    desk.tick(60)
    assert desk.window.middle.state.ring.n_paints == n_paints


def test_it_looks_less_often_at_rest_and_at_once_again_when_something_moves(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(EngineSnapshot(phase=Phase.LISTENING))
    desk.window.timer.start(FRAME_MS)
    desk.tick(60)
    assert desk.window.timer.interval() == IDLE_MS
    desk.show(phase=Phase.THINKING)
    assert desk.window.timer.interval() == FRAME_MS


def test_reduced_motion_does_not_move_while_thinking(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(EngineSnapshot(phase=Phase.THINKING), reduce_motion=True)
    desk.tick(60)
    n_paints = desk.window.middle.state.ring.n_paints
    desk.tick(30)
    assert desk.window.middle.state.ring.n_paints == n_paints


def test_the_microphone_can_be_switched_on_where_it_says_that_it_is_off(
    state_desk: Callable[..., Desk],
) -> None:
    desk = state_desk("muted")
    desk.window.middle.state.mend.click()
    assert desk.sent(MicrophoneSwitched) == [MicrophoneSwitched(True)]


def test_a_lost_device_offers_to_try_again(state_desk: Callable[..., Desk]) -> None:
    desk = state_desk("device_lost")
    desk.window.middle.state.mend.click()
    assert desk.sent(RunNoticeAction) == [RunNoticeAction("audio", "retry_audio")]


def test_an_interruption_is_shown_for_a_moment_only() -> None:
    picture = EngineSnapshot(now_s=10.0, phase=Phase.LISTENING, interrupted_at_s=9.5)
    assert shown_state(picture) is ShownState.INTERRUPTED
    assert shown_state(replace(picture, now_s=20.0)) is ShownState.LISTENING
    assert shown_state(replace(picture, phase=Phase.SPEAKING)) is ShownState.SPEAKING


def test_what_is_loading_is_named(state_desk: Callable[..., Desk]) -> None:
    desk = state_desk("starting")
    assert desk.window.middle.state.hint.text() == "Loading the language model · 42%"


def test_state_changes_are_announced_but_not_every_word(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(EngineSnapshot(phase=Phase.LISTENING))
    announcer = desk.window.middle.state._announcer
    n_before = announcer.n_announced
    desk.show(phase=Phase.THINKING)
    assert announcer.n_announced == n_before + 1
    for i in range(5):
        line = CaptionLine("a", "assistant", "one two three four five", False, i, i)
        desk.show(phase=Phase.SPEAKING, captions=(line,))
    assert announcer.n_announced == n_before + 1


def test_notices_appear_act_and_go(make_desk: Callable[..., Desk]) -> None:
    notice = Notice("worker", NoticeKind.ERROR, "It stopped.", "restart_model", "Restart")
    desk = make_desk(EngineSnapshot(phase=Phase.LISTENING, notices=(notice,)))
    bar = desk.window.middle.notices
    assert bar.isVisible()
    bar.buttons["worker"].click()
    assert desk.sent(RunNoticeAction) == [RunNoticeAction("worker", "restart_model")]
    desk.tick()
    assert not bar.isVisible()


def test_a_notice_about_sound_opens_its_settings(state_desk: Callable[..., Desk]) -> None:
    desk = state_desk("device_lost")
    desk.window.middle.notices.buttons["audio"].click()
    assert desk.window.settings_dialog is not None
    assert desk.window.settings_dialog.isVisible()


def test_a_notice_without_text_is_not_shown(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(EngineSnapshot(notices=(Notice("x", NoticeKind.INFO, ""),)))
    assert not desk.window.middle.notices.isVisible()


@pytest.mark.parametrize("state", STATES)
def test_diagnostics_show_every_state(state_desk: Callable[..., Desk], state: str) -> None:
    desk = state_desk(state, show_diagnostics=True)
    desk.window.diagnostics.grab()
    if state == "listening":
        values = desk.window.diagnostics.values
        assert values["answer"].text() == "840 ms"
        assert values["residual"].text() == "0 ms"
        assert values["echo"].text() == "−34 dB  ok"
        assert "playback 3" in values["queues"].text()


def test_thirty_looks_a_second_cost_little_with_500_captions(
    make_desk: Callable[..., Desk],
) -> None:
    """CPU time of this thread, not wall time: other work on the machine does not count."""
    lines = tuple(
        CaptionLine(f"l{i}", "user" if i % 2 else "assistant", f"Line number {i} of many " * 6)
        for i in range(500)
    )
    text = "This reply is being spoken while the ring moves and the words are marked. " * 3
    desk = make_desk(EngineSnapshot(phase=Phase.SPEAKING, captions=lines), show_diagnostics=True)
    desk.tick(10)
    begin = time.thread_time()
    n_frames = 90
    for i in range(n_frames):
        reply = CaptionLine("reply", "assistant", text, False, i * 2, i * 2)
        out_dbfs = -20.0 - 10 * (i % 5)
        desk.show(captions=(*lines, reply), out_dbfs=out_dbfs, now_s=i / 30)
    share = (time.thread_time() - begin) / (n_frames / 30)
    assert share < 0.5, f"{share:.0%} of a core"
