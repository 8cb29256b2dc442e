"""The far side of ``ProcessWorker``: one process, one model, one pipe. Ends when the pipe does."""

from __future__ import annotations

import logging
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from model.catalog import Options, build
from model.errors import ModelError, failure_kind
from model.events import WorkerFailed
from model.requests import ModelRequest
from model.worker.host import ModelHost, serve

log = logging.getLogger(__name__)


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
