"""Runs a speech model step by step: requests in, events out, nothing in between blocks for long.

Synchronous and single-threaded: a process, a thread or a virtual clock may pump it.
"""

import importlib
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psutil

from audio_io.frames import AudioFrame
from model.errors import ModelError, described, failure_kind
from model.events import (
    FailureKind,
    GenerationEnded,
    GenerationFailed,
    GenerationStarted,
    ModelEvent,
    ModelReady,
    ReplyEvent,
    SpeechChunk,
    WorkerFailed,
    WorkerStats,
)
from model.interfaces import SpeechModel
from model.requests import (
    BeginTurn,
    Cancel,
    FinishTurn,
    ForgetTurn,
    Hear,
    ModelRequest,
    ReplyRequest,
    Say,
    Shutdown,
    UseVoice,
)
from model.types import CancelReason, CancelToken, TurnKey

log = logging.getLogger(__name__)

_MIB = 1 << 20

EventSink = Callable[[ModelEvent], None]


@dataclass(slots=True)
class _Generation:
    id: int
    key: TurnKey | None
    start: Callable[[CancelToken], Iterator[ReplyEvent]]
    cancel: CancelToken = field(default_factory=CancelToken)
    events: Iterator[ReplyEvent] | None = None
    n_samples: int = 0
    compute_s: float = 0.0


class ModelHost:
    """Runs one reply at a time; at most one waits behind it, and a newer one replaces that."""

    def __init__(self, model: SpeechModel) -> None:
        self._model = model
        self._active: _Generation | None = None
        self._waiting: _Generation | None = None
        self._turn: TurnKey | None = None
        self._heard_to = 0
        self._busy_s = 0.0
        self.n_stale_frames = 0
        self.is_finished = False

    @property
    def has_work(self) -> bool:
        """Return whether ``step`` would do something."""
        return self._active is not None or self._waiting is not None

    def load(self, emit: EventSink) -> bool:
        """Load the model and return whether it is ready; a failure is reported like progress."""
        started = time.perf_counter()
        try:
            self._model.load(emit)
            voices = self._model.voices()
        except Exception as error:  # noqa: BLE001  the boundary of a plug-in: the worker goes on
            emit(self._failure("loading", error))
            return False
        load_s = time.perf_counter() - started
        emit(ModelReady(self._model.name, self._model.sample_rate_hz, voices, load_s))
        emit(self._stats())
        return True

    def handle(self, request: ModelRequest) -> list[ModelEvent]:
        """Do what is asked, or start it. Errors of the model become events."""
        started = time.perf_counter()
        try:
            return list(self._handle(request))
        except Exception as error:  # noqa: BLE001  see load
            return [self._failure(type(request).__name__, error)]
        finally:
            self._busy_s += time.perf_counter() - started

    def step(self) -> list[ModelEvent]:
        """Advance the active reply by one step."""
        events: list[ModelEvent] = []
        if self._active is None and self._waiting is not None:
            self._active, self._waiting = self._waiting, None
            events.append(GenerationStarted(self._active.id))
        if self._active is not None:
            events += self._advance(self._active)
        return events

    def close(self) -> list[ModelEvent]:
        """End every generation and free the model."""
        alive = [g.id for g in (self._active, self._waiting) if g is not None]
        events = [event for g in alive for event in self._cancel(g, CancelReason.SHUTDOWN)]
        self._model.close()
        self.is_finished = True
        return events

    def _handle(self, request: ModelRequest) -> Iterable[ModelEvent]:
        match request:
            case Hear(frame):
                return self._hear(frame)
            case BeginTurn(key, context):
                if self._turn is None or key.turn != self._turn.turn:
                    self._heard_to = 0
                self._turn = key
                self._model.begin_turn(key, context)
            case FinishTurn(key):
                return self._model.finish_turn(key) if self._is_current(key) else ()
            case ForgetTurn(key):
                if self._is_current(key):
                    self._turn = None
                    self._model.forget_turn(key)
            case ReplyRequest():
                start = partial(self._model.reply, request)
                return self._enqueue(_Generation(request.generation, request.key, start))
            case Say(generation, text, voice):
                say = self._model.say
                return self._enqueue(
                    _Generation(generation, None, lambda _: say(text, voice, generation))
                )
            case UseVoice(voice):
                self._model.use_voice(voice)
            case Cancel(generation, reason):
                return self._cancel(generation, reason)
            case Shutdown():
                return self.close()
        return ()

    def _hear(self, frame: AudioFrame) -> Iterable[ModelEvent]:
        if self._turn is None or frame.end <= self._heard_to:
            self.n_stale_frames += 1
            return ()
        self._heard_to = frame.end
        return self._model.hear(frame)

    def _is_current(self, key: TurnKey) -> bool:
        return self._turn is not None and self._turn.turn == key.turn

    def _enqueue(self, generation: _Generation) -> list[ModelEvent]:
        events: list[ModelEvent] = []
        if self._waiting is not None:
            events += self._cancel(self._waiting.id, CancelReason.STALE)
        active = self._active
        if active and active.key and generation.key and active.key < generation.key:
            events += self._cancel(active.id, CancelReason.STALE)
        self._waiting = generation
        return events

    def _cancel(self, generation: int, reason: CancelReason) -> list[ModelEvent]:
        """End a generation here and now; unknown ones are over already."""
        if self._waiting is not None and self._waiting.id == generation:
            self._waiting = None
            return [GenerationEnded(generation, 0, True, 0.0)]
        active = self._active
        if active is None or active.id != generation:
            return []
        active.cancel.cancel(reason)
        self._active = None
        _close(active)
        return [GenerationEnded(generation, active.n_samples, True, active.compute_s)]

    def _advance(self, active: _Generation) -> list[ModelEvent]:
        started = time.perf_counter()
        try:
            if active.events is None:
                active.events = iter(active.start(active.cancel))
            event = next(active.events, None)
        except Exception as error:  # see load
            self._active = None
            kind = failure_kind(error)
            if kind is FailureKind.CRASHED:
                log.exception("generation %s failed in %s", active.id, self._model.name)
            if kind is FailureKind.OUT_OF_MEMORY:
                # The next reply would not fit either; whoever takes over answers this turn.
                return [WorkerFailed(self._model.name, described(error), kind)]
            return [GenerationFailed(active.id, described(error))]
        finally:
            spent = time.perf_counter() - started
            active.compute_s += spent
            self._busy_s += spent
        if event is None:
            self._active = None
            ended = GenerationEnded(active.id, active.n_samples, False, active.compute_s)
            return [ended, self._stats()]
        if isinstance(event, SpeechChunk):
            active.n_samples += len(event.samples)
            return [event]
        return [event] if event.text else []

    def _failure(self, what: str, error: Exception) -> WorkerFailed:
        """Report an exception of the model, with its traceback where it is nobody's decision."""
        kind, name = failure_kind(error), self._model.name
        if kind is FailureKind.CRASHED:
            log.error("%s failed in %s", what, name, exc_info=error)
        is_own_word = what == "loading" and isinstance(error, ModelError)
        message = str(error) if is_own_word else f"{what} failed: {described(error)}"
        return WorkerFailed(name, message, kind)

    def _stats(self) -> WorkerStats:
        resident_mb = psutil.Process().memory_info().rss / _MIB
        return WorkerStats(resident_mb, _peak_mb(), self._busy_s)


def serve(host: ModelHost, take: Callable[[bool], ModelRequest | None], emit: EventSink) -> None:
    """Handle requests between the steps of a reply until ``Shutdown`` or the end of requests.

    Args:
        take: returns the next request; told to block, None means that no more will come.
    """
    while not host.is_finished:
        request = take(not host.has_work)
        if request is not None:
            events = host.handle(request)
        elif host.has_work:
            events = host.step()
        else:
            return
        for event in events:
            emit(event)


def _peak_mb() -> float:
    """Return the most that this process ever held, in MiB."""
    memory: Any = psutil.Process().memory_info()
    if hasattr(memory, "peak_wset"):  # Windows
        return memory.peak_wset / _MIB
    resource: Any = importlib.import_module("resource")  # not on Windows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MIB if sys.platform == "darwin" else peak / 1024  # bytes there, KiB here


def _close(generation: _Generation) -> None:
    close = getattr(generation.events, "close", None)
    if close is None:
        return
    try:
        close()
    except Exception:  # the reply is over; what its clean-up says cannot change that
        log.exception("generation %s did not close cleanly", generation.id)
