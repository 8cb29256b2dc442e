"""A memory that ran out is told from a refusal and from a crash, whoever raised it."""

from __future__ import annotations

import pytest

from model.errors import FailureKind, ModelError, OutOfMemory, WeightsError, described, failure_kind
from model.events import GenerationFailed, ModelEvent, WorkerFailed
from model.requests import ReplyRequest
from model.scripted import ScriptedModel
from model.types import TurnContext, TurnKey
from model.vita_audio.checkpoint.precision import NotEnoughMemory
from model.worker.host import ModelHost


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


TORCH_SAYS = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of 23 GiB.\nSee"


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (OutOfMemoryError(TORCH_SAYS), FailureKind.OUT_OF_MEMORY, "CUDA out of memory"),
        (MemoryError(), FailureKind.OUT_OF_MEMORY, "the memory ran out"),
        (OutOfMemory("no room"), FailureKind.OUT_OF_MEMORY, "no room"),
        (NotEnoughMemory("too small"), FailureKind.OUT_OF_MEMORY, "too small"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
            FailureKind.OUT_OF_MEMORY,
            "DefaultCPUAllocator: can't allocate memory: 9 bytes",
        ),
        (WeightsError("a is missing"), FailureKind.REFUSED, "a is missing"),
        (ValueError("no such layer"), FailureKind.CRASHED, "ValueError: no such layer"),
    ],
)
def test_each_error_has_its_kind_and_its_line(
    error: Exception, kind: FailureKind, text: str
) -> None:
    assert failure_kind(error) is kind
    assert described(error) == text


class Hungry(ScriptedModel):
    """Raises ``error`` while it loads or in the first step of a reply."""

    def __init__(self, error: Exception, *, at_load: bool) -> None:
        super().__init__()
        self._error, self._at_load = error, at_load

    def load(self, report: object) -> None:
        if self._at_load:
            raise self._error

    def reply(self, request: object, cancel: object):
        del request, cancel
        raise self._error
        yield


def failures(error: Exception, *, at_load: bool) -> list[ModelEvent]:
    events: list[ModelEvent] = []
    host = ModelHost(Hungry(error, at_load=at_load))
    if host.load(events.append):
        host.handle(ReplyRequest(1, TurnKey(1), TurnContext(user_text="hello")))
        while host.has_work:
            events += host.step()
    return [event for event in events if isinstance(event, (WorkerFailed, GenerationFailed))]


def test_a_load_that_does_not_fit_is_told_as_such() -> None:
    (failed,) = failures(OutOfMemoryError(TORCH_SAYS), at_load=True)
    assert isinstance(failed, WorkerFailed)
    assert failed.kind is FailureKind.OUT_OF_MEMORY
    (refused,) = failures(ModelError("no card"), at_load=True)
    assert isinstance(refused, WorkerFailed)
    assert refused.kind is FailureKind.REFUSED


def test_a_reply_that_does_not_fit_is_the_end_of_the_worker() -> None:
    (failed,) = failures(OutOfMemoryError(TORCH_SAYS), at_load=False)
    assert isinstance(failed, WorkerFailed)
    assert failed.message == "CUDA out of memory"
    assert failed.kind is FailureKind.OUT_OF_MEMORY


def test_a_reply_that_is_refused_is_the_end_of_that_reply_only() -> None:
    assert failures(ModelError("too long"), at_load=False) == [GenerationFailed(1, "too long")]
