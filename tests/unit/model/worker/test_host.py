from __future__ import annotations

import numpy as np
import pytest

from audio_io.frames import AudioFrame, frozen
from model.events import (
    GenerationEnded,
    GenerationFailed,
    GenerationStarted,
    ModelEvent,
    ModelReady,
    SpeechChunk,
    TextDelta,
    TurnTranscribed,
    WorkerFailed,
    WorkerStats,
)
from model.requests import (
    BeginTurn,
    Cancel,
    FinishTurn,
    ForgetTurn,
    Hear,
    ReplyRequest,
    Say,
    Shutdown,
)
from model.scripted import Script, ScriptedModel
from model.types import CancelReason, TurnContext, TurnKey, VoiceChoice
from model.worker.host import ModelHost

LONG = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen."


def host_of(**script: object) -> ModelHost:
    host = ModelHost(ScriptedModel(Script(**script)))  # type: ignore[arg-type]
    events: list[ModelEvent] = []
    assert host.load(events.append)
    return host


def reply(generation: int, turn: int = 1, revision: int = 0, text: str = LONG) -> ReplyRequest:
    context = TurnContext(user_text=text)
    return ReplyRequest(generation, TurnKey(turn, revision), context)


def run(host: ModelHost) -> list[ModelEvent]:
    events: list[ModelEvent] = []
    while host.has_work:
        events += host.step()
    return events


def loud(start: int, n: int = 1600) -> Hear:
    return Hear(AudioFrame(frozen(np.full(n, 0.1, np.float32)), start))


def test_loading_ends_in_ready() -> None:
    events: list[ModelEvent] = []
    assert ModelHost(ScriptedModel()).load(events.append)
    ready = [e for e in events if isinstance(e, ModelReady)]
    assert [r.name for r in ready] == ["scripted"]
    assert ready[0].voices


def test_a_model_that_cannot_load_says_so() -> None:
    class Broken(ScriptedModel):
        def load(self, report: object) -> None:
            raise ValueError("no such layer")

    events: list[ModelEvent] = []
    host = ModelHost(Broken())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model.worker.host.log.error", lambda *_, **__: None)
        assert not host.load(events.append)
    assert isinstance(events[-1], WorkerFailed)
    assert "no such layer" in events[-1].message


def test_a_reply_starts_speaks_and_ends_with_its_length() -> None:
    host = host_of()
    host.handle(reply(1))
    events = run(host)
    assert events[0] == GenerationStarted(1)
    spoken = sum(len(e.samples) for e in events if isinstance(e, SpeechChunk))
    ended = [e for e in events if isinstance(e, GenerationEnded)]
    assert [(e.n_samples, e.was_cancelled) for e in ended] == [(spoken, False)]
    assert isinstance(events[-1], WorkerStats)


def test_an_empty_reply_ends_with_no_samples() -> None:
    host = host_of(replies={1: ""})
    host.handle(reply(1))
    (ended,) = [e for e in run(host) if isinstance(e, GenerationEnded)]
    assert ended.n_samples == 0
    assert not ended.was_cancelled


def test_cancel_takes_effect_before_the_next_step() -> None:
    host = host_of()
    host.handle(reply(1))
    host.step()
    (ended,) = host.handle(Cancel(1, CancelReason.BARGE_IN))
    assert isinstance(ended, GenerationEnded)
    assert ended.was_cancelled
    assert not host.has_work
    assert host.step() == []


def test_cancel_of_an_unknown_generation_is_nothing() -> None:
    host = host_of()
    host.handle(reply(1))
    assert host.handle(Cancel(99, CancelReason.STALE)) == []
    assert host.has_work


def test_a_newer_reply_replaces_the_one_that_waits() -> None:
    host = host_of()
    host.handle(reply(1))
    host.step()
    assert host.handle(reply(2)) == []
    (ended,) = host.handle(reply(3))
    assert ended == GenerationEnded(2, 0, True, 0.0)
    started = [e.generation for e in run(host) if isinstance(e, GenerationStarted)]
    assert started == [3]


def test_a_reply_to_a_newer_revision_ends_the_active_one() -> None:
    host = host_of()
    host.handle(reply(1, revision=0))
    host.step()
    (ended,) = host.handle(reply(2, revision=1))
    assert isinstance(ended, GenerationEnded)
    assert (ended.generation, ended.was_cancelled) == (1, True)


def test_a_failure_in_a_reply_ends_that_reply_only() -> None:
    host = host_of(fails_in_turns=frozenset({1}))
    host.handle(reply(1, turn=1))
    events = run(host)
    assert isinstance(events[-1], GenerationFailed)
    assert "turn 1" in events[-1].message
    host.handle(reply(2, turn=2))
    assert any(isinstance(e, SpeechChunk) for e in run(host))


def test_listening_goes_on_between_the_steps_of_a_reply() -> None:
    host = host_of(transcripts={2: "wait a moment"})
    host.handle(reply(1))
    host.step()
    host.handle(BeginTurn(TurnKey(2), TurnContext()))
    heard = [e for start in range(0, 16_000, 1600) for e in host.handle(loud(start))]
    (transcribed,) = host.handle(FinishTurn(TurnKey(2)))
    assert heard
    assert isinstance(transcribed, TurnTranscribed)
    assert transcribed.text == "wait a moment"
    assert any(isinstance(e, SpeechChunk) for e in run(host))


def test_frames_without_a_turn_and_frames_heard_before_are_dropped() -> None:
    host = host_of()
    host.handle(loud(0))
    host.handle(BeginTurn(TurnKey(1), TurnContext()))
    host.handle(loud(1600))
    host.handle(loud(1600))
    assert host.n_stale_frames == 2
    host.handle(ForgetTurn(TurnKey(1)))
    host.handle(loud(3200))
    assert host.n_stale_frames == 3


def test_say_is_a_generation_like_any_other() -> None:
    host = host_of()
    host.handle(Say(5, "Hello you.", VoiceChoice()))
    events = run(host)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "Hello you."
    assert any(isinstance(e, GenerationEnded) and e.generation == 5 for e in events)


def test_shutdown_ends_what_is_running() -> None:
    host = host_of()
    host.handle(reply(1))
    host.step()
    (ended,) = host.handle(Shutdown())
    assert isinstance(ended, GenerationEnded)
    assert ended.was_cancelled
    assert host.is_finished
