from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import pytest

from model.events import (
    GenerationEnded,
    ModelEvent,
    ModelReady,
    SpeechChunk,
    TurnTranscribed,
    WorkerFailed,
)
from model.requests import BeginTurn, Cancel, FinishTurn, ReplyRequest
from model.scripted import Costs, Script, ScriptedModel
from model.types import CancelReason, TurnContext, TurnKey
from model.worker.worker import InlineWorker, ProcessWorker
from tests.fakes.thread_worker import ThreadWorker

Worker = ProcessWorker | ThreadWorker
E = TypeVar("E")
PATIENCE_S = 30.0


class Events:
    def __init__(self) -> None:
        self.queue: SimpleQueue[ModelEvent] = SimpleQueue()

    def until(self, kind: type[E]) -> E:
        while True:
            event = self.queue.get(timeout=PATIENCE_S)
            if isinstance(event, kind):
                return event


def reply(generation: int, text: str = "what is this", turn: int = 1) -> ReplyRequest:
    return ReplyRequest(generation, TurnKey(turn), TurnContext(user_text=text))


@pytest.fixture(params=["process", "thread"])
def worker(request: pytest.FixtureRequest, tmp_path: Path, events: Events) -> Worker:
    if request.param == "thread":
        return ThreadWorker(ScriptedModel, events.queue.put)
    return ProcessWorker("scripted", tmp_path, events.queue.put)


@pytest.fixture
def events() -> Events:
    return Events()


def test_a_worker_loads_answers_and_leaves_no_thread(worker: Worker, events: Events) -> None:
    worker.start()
    assert events.until(ModelReady).name == "scripted"
    worker.send(reply(1))
    chunk = events.until(SpeechChunk)
    assert not chunk.samples.flags.writeable
    assert events.until(GenerationEnded).n_samples > 0
    assert any(thread.name.startswith("model") for thread in threading.enumerate())
    worker.stop()
    assert not any(thread.name.startswith("model") for thread in threading.enumerate())


def test_a_worker_can_be_stopped_twice_and_ignores_requests_after(worker: Worker) -> None:
    worker.start()
    worker.stop()
    worker.send(reply(1))
    worker.stop()


def test_a_worker_starts_anew(worker: Worker, events: Events) -> None:
    worker.start()
    events.until(ModelReady)
    worker.restart()
    events.until(ModelReady)
    worker.stop()


def test_a_process_that_is_killed_is_reported_and_replaced(tmp_path: Path, events: Events) -> None:
    worker = ProcessWorker("scripted", tmp_path, events.queue.put)
    worker.start()
    events.until(ModelReady)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    assert "exit code" in events.until(WorkerFailed).message
    worker.restart()
    events.until(ModelReady)
    worker.send(reply(2))
    events.until(GenerationEnded)
    worker.stop()


def test_a_process_for_an_unknown_model_fails_with_the_names_there_are(
    tmp_path: Path, events: Events
) -> None:
    worker = ProcessWorker("parrot", tmp_path, events.queue.put)
    worker.start()
    assert "cascade" in events.until(WorkerFailed).message
    worker.stop()


def test_a_thread_whose_model_cannot_be_made_is_reported(events: Events) -> None:
    def build() -> ScriptedModel:
        raise RuntimeError("no graphics card")

    worker = ThreadWorker(build, events.queue.put)
    worker.start()
    assert "no graphics card" in events.until(WorkerFailed).message
    worker.stop()


COSTS = Costs(first_token_s=0.5, clause_s=0.1, finish_s=0.2, other_s=0.0)


def timeline() -> list[tuple[float, str]]:
    worker = InlineWorker(ScriptedModel(Script(costs=COSTS)))
    worker.start()
    worker.pump(0.0)
    out: list[tuple[float, str]] = []
    for tick in range(300):
        now_s = tick / 100
        if tick == 100:
            worker.send(BeginTurn(TurnKey(1), TurnContext()))
            worker.send(FinishTurn(TurnKey(1)))
            worker.send(reply(1, "a b c d e f g h i j k l"))
        out += [(round(at, 6), type(event).__name__) for at, event in worker.pump(now_s)]
    worker.stop()
    return out


def test_virtual_time_is_charged_what_the_model_declares() -> None:
    times = {name: at for at, name in reversed(timeline())}  # of the first of each kind
    assert times[TurnTranscribed.__name__] == pytest.approx(1.2)
    assert times["TextDelta"] == pytest.approx(1.7)
    assert times[SpeechChunk.__name__] == pytest.approx(1.8)


def test_virtual_time_is_the_same_every_time() -> None:
    assert timeline() == timeline()


def test_virtual_time_delivers_in_order_and_never_before_the_request() -> None:
    times = [at for at, _ in timeline()]
    assert times == sorted(times)
    assert times[0] >= 1.0


def test_a_busy_inline_worker_takes_a_cancellation_when_it_is_free() -> None:
    worker = InlineWorker(ScriptedModel(Script(costs=COSTS)))
    worker.start()
    worker.pump(0.0)
    worker.send(reply(1))
    worker.pump(0.0)
    worker.send(Cancel(1, CancelReason.BARGE_IN))
    assert worker.pump(0.4) == []
    (ended,) = [e for _, e in worker.pump(0.5) if isinstance(e, GenerationEnded)]
    assert ended.was_cancelled
    worker.stop()
