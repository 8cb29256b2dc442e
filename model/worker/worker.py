"""Where a speech model runs: in a process of its own, or in the caller's own virtual time.

Both are reached by messages only.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, cast

from model.catalog import Options, build
from model.errors import FailureKind, ModelError, failure_kind
from model.events import ModelEvent, ModelReady, SpeechChunk, WorkerFailed
from model.interfaces import SpeechModel
from model.requests import ModelRequest, Shutdown
from model.worker.host import EventSink, ModelHost, serve
from model.worker.request_queue import RequestQueue

log = logging.getLogger(__name__)

_STOP_S = 5.0  # a model that is not out by then is ended
_STOP_LOADING_S = 0.2  # one that is still loading hears nothing and has nothing to lose


class ProcessWorker:
    """Runs the model in a spawned process; two threads here move the messages.

    Events come on one of these threads, one after the other.
    """

    def __init__(
        self,
        name: str,
        weights_dir: Path,
        on_event: EventSink,
        options: Options | None = None,
    ) -> None:
        self._name = name
        self._weights_dir = weights_dir
        self._on_event = on_event
        self._options = dict(options or {})
        self._requests = RequestQueue()
        self._process: SpawnProcess | None = None
        self._has_loaded = False
        self._threads: tuple[threading.Thread, ...] = ()

    @property
    def pid(self) -> int | None:
        """Return the number of the process; None before ``start`` and after ``stop``."""
        return self._process.pid if self._process is not None else None

    @property
    def n_dropped(self) -> int:
        """Return how many frames of the user waited too long for the model since its start."""
        return self._requests.n_dropped

    def start(self) -> None:
        """Begin to load the model; ``ModelReady`` or ``WorkerFailed`` follows."""
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        requests = self._requests = RequestQueue()
        self._has_loaded = False
        process = context.Process(
            target=serve_process,
            args=(there, self._name, str(self._weights_dir), self._options),
            name=f"parley-{self._name}",
            daemon=True,
        )
        process.start()
        there.close()
        self._process = process
        self._threads = (
            _thread("model-send", _send_all, requests, here),
            _thread("model-read", self._read_all, requests, here, process),
        )
        for thread in self._threads:
            thread.start()

    def send(self, request: ModelRequest) -> None:
        """Queue a request without blocking; see ``RequestQueue``. Ignored once stopped."""
        self._requests.put(request)

    def stop(self) -> None:
        """End the model and join all threads. No event comes after it."""
        process = self._process
        if process is None:
            return
        self._requests.put(Shutdown())
        self._requests.close()
        has_loaded = self._has_loaded  # it may still be loading now and ready a moment later
        process.join(_STOP_S if has_loaded else _STOP_LOADING_S)
        if process.is_alive():
            if has_loaded:
                log.warning("the model's process did not end in %s s and is ended", _STOP_S)
            process.kill()
            process.join()
        for thread in self._threads:
            thread.join()
        process.close()
        self._process = None
        self._threads = ()

    def restart(self) -> None:
        """Begin anew after a failure; what was waiting is forgotten."""
        self.stop()
        self.start()

    def _read_all(self, requests: RequestQueue, pipe: Connection, process: SpawnProcess) -> None:
        """Deliver events until the process closes its end."""
        try:
            while True:
                event = _received(pipe.recv())
                self._has_loaded = self._has_loaded or isinstance(event, ModelReady)
                if not requests.is_closed:
                    self._on_event(event)
        except (EOFError, OSError) as error:
            log.debug("the model's pipe ended: %s", type(error).__name__)
        if not requests.is_closed:
            requests.close()
            process.join(_STOP_S)
            self._on_event(_ended(self._name, process.exitcode))
        pipe.close()


def serve_process(pipe: Connection, name: str, weights_dir: str, options: Options) -> None:
    """Run the model named ``name`` until the pipe ends. Ctrl-C is the parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["HF_HUB_OFFLINE"] = "1"  # a model is read from its folder and asks nobody
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # engines bring their own number of threads

    def take(block: bool) -> ModelRequest | None:
        if not block and not pipe.poll():
            return None
        return pipe.recv()

    host: ModelHost | None = None
    try:
        host = ModelHost(build(name, Path(weights_dir), options))
        if host.load(pipe.send):
            serve(host, take, pipe.send)
    except ModelError as error:
        pipe.send(WorkerFailed(name, str(error), failure_kind(error)))
    except (EOFError, OSError) as error:
        log.info("the other end is gone (%s); ending", type(error).__name__)
    finally:
        if host is not None and not host.is_finished:
            host.close()
        pipe.close()


class InlineWorker:
    """Runs the model in the caller's thread and the caller's time.

    Every call is charged: the model's declared ``step_cost_s`` where it has one, else the time it
    took. Two calls never overlap, so an event comes when the worker has worked off what was before.
    Native threads of a model go on between two pumps; the time they get there is not charged.
    """

    def __init__(self, model: SpeechModel) -> None:
        self._model: Any = model  # it may declare its costs, which is no part of the protocol
        self._host = ModelHost(model)
        self._requests: deque[ModelRequest] = deque()
        self._loaded: list[ModelEvent] = []
        self._busy_until_s = 0.0
        self._is_idle = True

    @property
    def has_work(self) -> bool:
        """Return whether ``pump`` would do something."""
        return bool(self._requests or self._loaded) or self._host.has_work

    def start(self) -> None:
        """Load at once; the events come with the next pump, uncharged."""
        self._host.load(self._loaded.append)

    def send(self, request: ModelRequest) -> None:
        """Queue a request."""
        self._requests.append(request)

    def pump(self, now_s: float) -> list[tuple[float, ModelEvent]]:
        """Work until it is ahead of ``now_s``; return (time of delivery in s, event), in order."""
        out: list[tuple[float, ModelEvent]] = [(now_s, event) for event in self._loaded]
        self._loaded.clear()
        if self._is_idle:
            self._busy_until_s = max(self._busy_until_s, now_s)
        while self._busy_until_s <= now_s and self.has_work:
            if hasattr(self._model, "step_cost_s"):
                self._model.step_cost_s = 0.0  # what does not reach the model costs nothing
            started = time.perf_counter()
            if self._requests:
                events = self._host.handle(self._requests.popleft())
            else:
                events = self._host.step()
            measured_s = time.perf_counter() - started
            self._busy_until_s += float(getattr(self._model, "step_cost_s", measured_s))
            out += [(self._busy_until_s, event) for event in events]
        self._is_idle = not self.has_work
        return out

    def stop(self) -> None:
        """End the model; what was waiting is forgotten."""
        if not self._host.is_finished:
            self._host.close()
        self._requests.clear()


def _thread(name: str, body: Callable[..., None], *arguments: object) -> threading.Thread:
    return threading.Thread(target=body, args=arguments, name=name, daemon=True)


def _ended(name: str, exit_code: int | None) -> WorkerFailed:
    """Report a death: what the system kills without asking has mostly used up its memory."""
    message = f"the model's process ended (exit code {exit_code})"
    is_killed = sys.platform != "win32" and exit_code == -signal.SIGKILL
    kind = FailureKind.OUT_OF_MEMORY if is_killed else FailureKind.CRASHED
    return WorkerFailed(name, message, kind)


def _send_all(requests: RequestQueue, pipe: Connection) -> None:
    try:
        while (request := requests.take(block=True)) is not None:
            pipe.send(request)
    except OSError as error:
        log.debug("the model's pipe ended: %s", type(error).__name__)


def _received(message: object) -> ModelEvent:
    """Return the event with its samples read-only, as they were on the other side."""
    event = cast(ModelEvent, message)
    if isinstance(event, SpeechChunk):
        samples = event.samples
        samples.flags.writeable = False
        return replace(event, samples=samples)
    return event
