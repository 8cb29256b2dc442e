"""Which model talks, which one loads and which one waits; told step by step, without threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from app.dialogue.events import DialogueEvent, ModelLeft
from app.messages.notices import Notice
from app.session.model_supervisor import ModelSupervisor
from app.settings.settings import Settings
from model.events import (
    FailureKind,
    GenerationStarted,
    LoadProgress,
    ModelEvent,
    ModelReady,
    WorkerFailed,
)
from model.requests import ModelRequest, UseVoice
from model.types import VoiceChoice
from tests.fakes.parts import fake_parts

HELLO = UseVoice(VoiceChoice())
MEMORY, CRASH, REFUSED = FailureKind.OUT_OF_MEMORY, FailureKind.CRASHED, FailureKind.REFUSED


@dataclass
class FakeWorker:
    """Says what a test lets it say; forgets nothing."""

    name: str
    emit: Callable[[ModelEvent], object]
    log: list[str]
    sent: list[ModelRequest] = field(default_factory=list)

    def start(self) -> None:
        self.log.append(f"start {self.name}")

    def restart(self) -> None:
        self.log.append(f"restart {self.name}")

    def stop(self) -> None:
        self.log.append(f"stop {self.name}")

    def send(self, request: ModelRequest) -> None:
        self.sent.append(request)

    def is_ready(self) -> None:
        self.emit(ModelReady(self.name, 24_000, (), 0.1))

    def fails(self, kind: FailureKind, message: str = "no room") -> None:
        self.emit(WorkerFailed(self.name, message, kind))


class Bench:
    """A supervisor whose jobs are done when the test says so."""

    def __init__(self, name: str = "cascade", *, standby: bool = True) -> None:
        self.log: list[str] = []
        self.workers: list[FakeWorker] = []
        self.posted: list[DialogueEvent] = []
        self.notices: dict[str, Notice] = {}

        def worker(settings: Settings, on_event: Callable[[ModelEvent], object]) -> FakeWorker:
            self.workers.append(FakeWorker(settings.model.name, on_event, self.log))
            return self.workers[-1]

        parts = replace(
            fake_parts(), worker=worker, is_heavy=lambda s: s.model.name.startswith("big")
        )
        self.settings = Settings().with_value("model", "standby", standby)
        self.supervisor = ModelSupervisor(parts, self.named(name), self.posted.append, self.notify)
        self.supervisor.start()
        self.work()

    def named(self, name: str) -> Settings:
        return self.settings.with_value("model", "name", name)

    def notify(self, notice: Notice) -> None:
        self.notices[notice.key] = notice

    def work(self) -> None:
        for job in self.supervisor._jobs.take_all(0.0):
            job()

    def newest(self, name: str) -> FakeWorker:
        return [worker for worker in self.workers if worker.name == name][-1]

    @property
    def talks(self) -> str:
        """Who gets what is sent."""
        before = [len(worker.sent) for worker in self.workers]
        self.supervisor.send(HELLO)
        (name,) = (w.name for w, n in zip(self.workers, before, strict=True) if len(w.sent) > n)
        return name

    def take(self) -> list[DialogueEvent]:
        taken = list(self.posted)
        self.posted.clear()
        return taken


@pytest.fixture
def big() -> Bench:
    """Both models are loaded and the big one talks."""
    bench = Bench("big")
    for worker in bench.workers:
        worker.is_ready()
    bench.supervisor.at_rest()
    bench.work()
    assert bench.talks == "big"
    bench.take()
    bench.log.clear()
    return bench


@pytest.mark.parametrize(("name", "is_made_anew"), [("cascade", True), ("big", False)])
def test_the_embedded_model_is_made_anew_for_another_language(
    name: str, is_made_anew: bool
) -> None:
    bench = Bench(name, standby=False)
    before = bench.named(name)
    n_workers = len(bench.workers)
    bench.supervisor.apply(before, before.with_value("voice", "rate", 1.2))
    assert len(bench.workers) == n_workers
    bench.supervisor.apply(before, before.with_value("conversation", "language", "zh"))
    assert (len(bench.workers) > n_workers) is is_made_anew


def test_a_light_model_has_no_reserve() -> None:
    bench = Bench()
    assert bench.log == ["start cascade"]
    bench.workers[0].is_ready()
    assert [type(event) for event in bench.take()] == [ModelReady]
    bench.supervisor.stop()
    assert bench.log == ["start cascade", "stop cascade"]


def test_the_embedded_model_talks_until_the_heavy_one_has_loaded_and_all_is_quiet() -> None:
    bench = Bench("big")
    assert bench.log == ["start cascade", "start big"]
    cascade, heavy = bench.workers
    cascade.is_ready()
    heavy.emit(LoadProgress("language model", 0.0, "16-bit: 40 GB are free."))
    heavy.emit(LoadProgress("language model", 0.42))
    assert "42 %" in bench.notices["fallback"].text
    heavy.is_ready()
    assert bench.talks == "cascade"
    bench.take()
    bench.supervisor.at_rest()
    assert bench.talks == "big"
    assert [type(event) for event in bench.take()] == [ModelLeft, ModelReady]
    assert bench.notices["fallback"].text == "big talks now. 16-bit: 40 GB are free."
    bench.supervisor.at_rest()
    bench.work()
    assert bench.take() == []
    assert "stop" not in " ".join(bench.log)


def test_out_of_memory_while_loading_is_a_notice_and_nothing_else_changes() -> None:
    bench = Bench("big")
    bench.workers[0].is_ready()
    bench.take()
    bench.workers[1].fails(MEMORY, "not enough memory: 4 GB are free")
    bench.work()
    assert bench.take() == []
    assert bench.talks == "cascade"
    assert bench.log[-1] == "stop big"
    assert bench.notices["fallback"].message == "model_no_memory"
    assert "4 GB are free" in bench.notices["fallback"].text
    assert bench.notices["fallback"].action == "restart_model"


@pytest.mark.parametrize("kind", [MEMORY, REFUSED])
def test_a_heavy_model_that_does_not_fit_is_replaced_at_once(big: Bench, kind: FailureKind) -> None:
    big.newest("big").fails(kind)
    left, ready = big.take()
    assert left == ModelLeft("no room")
    assert isinstance(ready, ModelReady)
    assert big.talks == "cascade"
    big.work()
    assert big.log == ["stop big"]


def test_what_a_replaced_model_still_says_is_dropped(big: Bench) -> None:
    heavy = big.newest("big")
    heavy.fails(MEMORY)
    big.take()
    heavy.emit(GenerationStarted(7))
    heavy.fails(CRASH)
    assert big.take() == []


def test_a_heavy_model_that_dies_is_loaded_again_while_the_reserve_talks(big: Bench) -> None:
    for _ in range(2):
        big.newest("big").fails(CRASH, "exit code 1")
        big.work()
        assert big.talks == "cascade"
        assert big.log[-2:] == ["stop big", "start big"]
        big.supervisor.worked()  # a reply of the embedded one is no sign of the other's health
        big.newest("big").is_ready()
        big.supervisor.at_rest()
        assert big.talks == "big"
    big.newest("big").fails(CRASH, "exit code 1")
    big.work()
    assert big.log[-1] == "stop big"
    assert big.notices["fallback"].message == "model_replaced"
    assert big.talks == "cascade"


def test_trying_again_loads_the_heavy_model_once_more(big: Bench) -> None:
    big.newest("big").fails(MEMORY)
    big.work()
    big.supervisor.retry()
    big.work()
    assert big.log == ["stop big", "start big"]
    big.newest("big").is_ready()
    big.supervisor.at_rest()
    assert big.talks == "big"


def test_without_a_reserve_the_embedded_model_is_started_when_it_is_needed() -> None:
    bench = Bench("big", standby=False)
    assert bench.log == ["start big"]
    bench.newest("big").is_ready()
    bench.take()
    bench.newest("big").fails(MEMORY)
    bench.work()
    assert bench.log == ["start big", "start cascade", "stop big"]
    assert bench.take() == [ModelLeft("no room")]
    bench.newest("cascade").is_ready()
    assert bench.talks == "cascade"
    assert [type(event) for event in bench.take()] == [ModelReady]


def test_a_reserve_that_fails_is_forgotten_and_started_anew_when_needed(big: Bench) -> None:
    big.newest("cascade").fails(CRASH)
    big.work()
    big.newest("big").fails(MEMORY)
    big.work()
    assert big.log == ["stop cascade", "start cascade", "stop big"]


def test_an_embedded_model_that_cannot_be_used_leaves_the_floor_to_the_heavy_one() -> None:
    bench = Bench("big")
    cascade, heavy = bench.workers
    cascade.fails(REFUSED, "a file is missing")
    assert bench.take() == [ModelLeft("a file is missing")]
    heavy.is_ready()
    bench.supervisor.at_rest()
    bench.work()
    assert bench.talks == "big"
    assert bench.log[-1] == "stop cascade"


def test_choosing_a_heavy_model_goes_on_with_the_light_one_meanwhile() -> None:
    bench = Bench()
    bench.workers[0].is_ready()
    bench.take()
    bench.supervisor.choose(bench.named("big"))
    bench.work()
    assert bench.log == ["start cascade", "start big"]
    assert bench.take() == []
    assert bench.talks == "cascade"


def test_choosing_the_light_model_again_takes_the_reserve_without_loading(big: Bench) -> None:
    big.supervisor.choose(big.named("cascade"))
    big.work()
    assert big.log == ["stop big"]
    assert big.talks == "cascade"
    assert [type(event) for event in big.take()] == [ModelLeft, ModelReady]


def test_the_memory_of_one_heavy_model_is_given_back_before_the_next_is_loaded(big: Bench) -> None:
    big.supervisor.choose(big.named("big-two"))
    assert big.talks == "cascade"
    big.work()
    assert big.log == ["stop big", "start big-two"]


def test_another_choice_ends_what_was_loading() -> None:
    bench = Bench("big")
    bench.supervisor.choose(bench.named("big-two"))
    bench.work()
    assert bench.log == ["start cascade", "start big", "stop big", "start big-two"]
    bench.supervisor.choose(bench.named("scripted"))
    bench.work()
    assert bench.log[4:] == ["stop big-two", "stop cascade", "start scripted"]


def test_a_light_model_that_dies_is_started_again_and_given_up_at_the_third_time() -> None:
    bench = Bench()
    for _ in range(2):
        bench.workers[0].fails(CRASH)
        assert bench.take() == [WorkerFailed("model", "no room", CRASH)]
        bench.supervisor.failed()
        bench.work()
        assert bench.log[-1] == "restart cascade"
    bench.supervisor.failed()
    bench.work()
    assert bench.log == ["start cascade", "restart cascade", "restart cascade"]
    assert bench.notices["model"].message == "model_failed"
    bench.supervisor.retry()
    bench.work()
    assert bench.log[-1] == "restart cascade"


def test_every_worker_is_stopped_at_the_end(big: Bench) -> None:
    big.newest("big").fails(MEMORY)
    big.supervisor.close()
    big.supervisor.stop()
    assert sorted(big.log) == ["stop big", "stop cascade"]
