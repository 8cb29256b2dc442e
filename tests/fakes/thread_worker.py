"""A worker whose model lives in a thread of this process: quick to start, seen by the debugger."""

from __future__ import annotations

import threading
from collections.abc import Callable

from model.errors import failure_kind
from model.events import ModelEvent, WorkerFailed
from model.interfaces import SpeechModel
from model.requests import ModelRequest, Shutdown
from model.worker.host import EventSink, ModelHost, serve
from model.worker.request_queue import RequestQueue


class ThreadWorker:
    """Does what ``ProcessWorker`` does, without a process."""

    def __init__(self, build: Callable[[], SpeechModel], on_event: EventSink) -> None:
        self._build = build
        self._on_event = on_event
        self._requests = RequestQueue()
        self._thread: threading.Thread | None = None

    @property
    def n_dropped(self) -> int:
        return self._requests.n_dropped

    def start(self) -> None:
        requests = self._requests = RequestQueue()
        self._thread = threading.Thread(
            target=self._run, args=(requests,), name="model", daemon=True
        )
        self._thread.start()

    def send(self, request: ModelRequest) -> None:
        self._requests.put(request)

    def stop(self) -> None:
        self._requests.put(Shutdown())
        self._requests.close()
        if self._thread is not None:
            self._thread.join()
        self._thread = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def _run(self, requests: RequestQueue) -> None:
        def emit(event: ModelEvent) -> None:
            if not requests.is_closed:
                self._on_event(event)

        try:
            host = ModelHost(self._build())
            if host.load(emit):
                serve(host, requests.take, emit)
            if not host.is_finished:
                host.close()
        except BaseException as error:  # a thread's last words: without them it dies unheard
            emit(WorkerFailed("model", f"{type(error).__name__}: {error}", failure_kind(error)))
            if not isinstance(error, (Exception, SystemExit)):
                raise
