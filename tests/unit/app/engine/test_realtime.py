"""Threads around the engine's parts: what one of them does wrong does not stop the others."""

from __future__ import annotations

from threading import Event

import pytest

from app.dialogue.events import TextSubmitted, WorkerFailed
from app.dialogue.state import Phase
from model.scripted import Script
from tests.fakes.live import PATIENCE_S, LiveSession, UnpluggableRoom, notice_keys

SHORT = "Yes it is."
HI = TextSubmitted("Is it true?")


def test_calls_are_made_on_the_controllers_thread_in_order() -> None:
    done: list[int] = []
    last = Event()
    with LiveSession() as live:
        for k in range(20):
            live.session.engine.post(lambda k=k: done.append(k))
        live.session.engine.post(last.set)
        assert last.wait(PATIENCE_S)
    assert done == list(range(20))


@pytest.mark.allow_warnings
def test_what_is_behind_a_failing_call_is_still_done() -> None:
    done = Event()

    def break_down() -> None:
        raise ValueError("broken")

    def post_both() -> None:
        live.session.engine.post(break_down)
        live.session.engine.post(done.set)

    with LiveSession() as live:
        live.session.engine.post(post_both)
        assert done.wait(PATIENCE_S)


@pytest.mark.allow_warnings
def test_a_predictor_that_fails_once_is_asked_again() -> None:
    class Stumbling:
        n_calls = 0

        def step(self, audio: object, view: object) -> None:
            self.n_calls += 1
            if self.n_calls == 1:
                raise ValueError("broken")

    stumbling = Stumbling()
    with LiveSession() as live:
        live.wait_for_phase(Phase.LISTENING)
        live.session.engine.use_predictor(stumbling)  # type: ignore[arg-type]
        live.wait_for_notice("duplex")
        live.wait_for("more frames", lambda _p: stumbling.n_calls > 5)
        assert any(error["where"] == "duplex" for error in live.found("error"))


@pytest.mark.allow_warnings
def test_a_failing_thread_is_no_failing_model() -> None:
    with LiveSession(Script(replies={1: SHORT})) as live:
        live.wait_for_phase(Phase.LISTENING)
        live.session.engine.post(WorkerFailed("capture", "broken"))
        live.send(HI)
        live.wait_for_event("assistant_speech_ended")
        assert "model" not in {key for p in live.pictures for key in notice_keys(p)}


def test_the_microphones_clock_goes_on_over_other_streams() -> None:
    room = UnpluggableRoom()
    with LiveSession(room=room) as live:
        engine = live.session.engine
        live.wait_for("frames", lambda _p: engine.capture.now_s > 0.2)
        before_s = engine.time.now_s()
        room.open(live.session._devices._watchdog._request)  # type: ignore[attr-defined]
        engine.attach_devices()
        live.wait_for("more frames", lambda _p: engine.capture.now_s > before_s + 0.3)
        assert engine.capture.now_s == pytest.approx(engine.time.now_s(), abs=0.15)


def test_queues_are_named_and_empty_at_rest() -> None:
    with LiveSession() as live:
        live.wait_for("a plot", lambda p: len(p.trace) > 2)
        stats = {queue.name: queue for queue in live.session.engine.queue_stats()}
    assert set(stats) == {"inbox", "duplex", "loudspeaker"}
    assert all(queue.n_lost == 0 for queue in stats.values())
    assert stats["inbox"].max_depth < 200
