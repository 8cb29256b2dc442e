"""A chat model on llama.cpp: text in, tokens out as they come, cancellable, its prompt kept warm.

Generation runs on one native thread; the caller takes the text in pieces. Knows nothing of
conversations: prompts arrive complete (see ``chat_prompt``).
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import queue
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, cast

import xllamacpp

from model.cascade.prompt_prefix import PrefixStore
from model.errors import ModelError, WeightsError

log = logging.getLogger(__name__)

_xllamacpp: Any = xllamacpp  # a compiled module without types

CONTEXT_TOKENS = 4096
_SLOT = 0  # one conversation, one KV cache
_BATCH_TOKENS = 64  # a prompt is given up between two batches: about 0.9 s on one slow core
_TEMPERATURE = 0.2
_REPEAT_PENALTY = 1.08  # more makes a 0.5B model avoid plain words
# Replies are spoken: one line, no list, no markdown, no link. Small models are told so in vain.
_SPEAKABLE = r"root ::= [^0-9\n*#`\[\]] [^\n*#`\[\]]*"  # llama.cpp's grammar notation
_SEED = 7  # the same conversation gives the same reply
_QUIET = -1  # llama.cpp's verbosity: nothing
_SOCKET_TIMEOUT_S = 10.0
_FOLDER_PREFIX = "parley-llm-"


@dataclass(frozen=True, slots=True)
class Piece:
    """Something a completion reported: text, or its end (``error`` set when it failed)."""

    text: str = ""
    is_last: bool = False
    error: str | None = None


class Completion:
    """One running generation; read it from one thread.

    Attributes:
        is_kept: the computed prompt is kept on disk, and taken from there.
    """

    def __init__(self, prompt: str, max_tokens: int, *, is_kept: bool = False) -> None:
        self.prompt = prompt
        self.max_tokens = max_tokens
        self.is_kept = is_kept
        self._pieces: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        self._is_cancelled = threading.Event()
        self.is_done = threading.Event()

    def cancel(self) -> None:
        """The model stops at the next token (or the next batch of the prompt)."""
        self._is_cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        return self._is_cancelled.is_set()

    def take(self, timeout_s: float) -> Piece | None:
        """Returns the next piece, None when there is none within ``timeout_s``."""
        try:
            return self._pieces.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def take_ready(self) -> Piece | None:
        try:
            return self._pieces.get_nowait()
        except queue.Empty:
            return None

    def put(self, piece: Piece) -> None:
        """Called by the generating thread."""
        self._pieces.put(piece)
        if piece.is_last:
            self.is_done.set()


class LanguageModel:
    """Owns the weights and the generating thread; completions run one after the other."""

    def __init__(self, path: Path, n_threads: int = 1) -> None:
        """Loads the weights.

        Raises:
            WeightsError: the file is missing or is not a model.
        """
        if not path.is_file():
            raise WeightsError(f"{path}: file is missing; fetch it with `parley models get`")
        self._door = _PrivateDoor()
        self._prefixes = PrefixStore(path, version("xllamacpp"))
        self._server = self._open(path, n_threads)
        self._jobs: queue.SimpleQueue[Completion | None] = queue.SimpleQueue()
        self._running: Completion | None = None
        self._token_counts: dict[str, int] = {}
        self._thread = threading.Thread(
            target=self._generate_all, name="language-model", daemon=True
        )
        self._thread.start()

    def complete(self, prompt: str, max_tokens: int) -> Completion:
        """Starts a generation; what was only warming the prompt gives way."""
        job = Completion(prompt, max_tokens)
        self._jobs.put(job)
        return job

    def warm(self, prompt: str) -> Completion:
        """Computes the KV cache of ``prompt`` so that a completion that starts with it is quick."""
        return self.complete(prompt, max_tokens=0)

    def warm_opening(self, prompt: str) -> Completion:
        """Like ``warm`` for what every conversation begins with: taken from disk where it is."""
        job = Completion(prompt, max_tokens=0, is_kept=True)
        self._jobs.put(job)
        return job

    def count_tokens(self, text: str) -> int:
        """Returns the number of tokens of ``text``, by the model's own tokenizer."""
        known = self._token_counts.get(text)
        if known is None:
            known = len(self._door.ask("/tokenize", {"content": text})["tokens"])
            self._token_counts[text] = known
        return known

    def close(self) -> None:
        """Ends the thread and frees the weights."""
        running = self._running
        if running is not None:
            running.cancel()
        self._jobs.put(None)
        self._thread.join()
        del self._server
        self._door.close()

    def _open(self, path: Path, n_threads: int) -> _Server:
        params = _xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.n_batch = _BATCH_TOKENS
        params.n_ubatch = _BATCH_TOKENS
        params.cpuparams.n_threads = n_threads
        params.cpuparams_batch.n_threads = n_threads
        params.cache_ram_mib = 0  # its default keeps up to 8 GB of old prompts
        params.verbosity = _QUIET
        params.offline = True
        params.n_threads_http = 1
        self._prefixes.folder.mkdir(parents=True, exist_ok=True)
        params.slot_save_path = f"{self._prefixes.folder}/"
        params.endpoint_slots = True
        self._door.configure(params)
        try:
            server = cast(_Server, _xllamacpp.Server(params))
        except (RuntimeError, ValueError) as error:
            raise WeightsError(f"{path}: not a model llama.cpp can load: {error}") from error
        self._door.address = str(server.listening_address)
        return server

    def _generate_all(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.is_cancelled:
                job.put(Piece(is_last=True))
                continue
            self._running = job
            self._generate(job)
            self._running = None

    def _generate(self, job: Completion) -> None:
        request: dict[str, Any] = {
            "prompt": job.prompt,
            "n_predict": job.max_tokens,
            "stream": True,
            "cache_prompt": True,
            "id_slot": _SLOT,
            "temperature": _TEMPERATURE,
            "repeat_penalty": _REPEAT_PENALTY,
            "seed": _SEED,
            "return_progress": True,
        }
        if job.max_tokens > 0:
            request["grammar"] = _SPEAKABLE
        if job.is_kept and self._prefixes.restore(self._door.ask, job.prompt):
            job.put(Piece(is_last=True))
            return
        try:
            self._server.handle_completions(request, _receiver(job))
        # The native side raises anything, and the reader must hear of it.
        except Exception as error:  # noqa: BLE001
            job.put(Piece(is_last=True, error=f"{type(error).__name__}: {error}"))
            return
        if job.is_kept and not job.is_cancelled:
            self._prefixes.save(self._door.ask, job.prompt)
        job.put(Piece(is_last=True))


def _receiver(job: Completion) -> Callable[[object], bool]:
    def receive(chunk: object) -> bool:
        """Returning True ends the generation."""
        if isinstance(chunk, dict):
            data = cast("dict[str, Any]", chunk)
            if "error" in data:
                job.put(Piece(error=str(data["error"].get("message", "unknown error"))))
                return True
            choices = cast("list[dict[str, Any]]", data.get("choices") or [{}])
            text = str(choices[0].get("text") or "")
            if text and job.max_tokens > 0:
                job.put(Piece(text))
        return job.is_cancelled

    return receive


class _Server(Protocol):
    listening_address: str

    def handle_completions(
        self, request: dict[str, Any], on_chunk: Callable[[object], bool]
    ) -> None: ...


class _Params(Protocol):
    api_keys: list[str]
    hostnames: list[str]


class _PrivateDoor:
    """The runtime insists on a listening address; this keeps it off the network.

    Where the system has them it is a socket file in a folder only this user may enter, elsewhere
    a loopback port behind a random key. The tokenizer is reached through it.
    """

    def __init__(self) -> None:
        self.address = ""
        self._key = secrets.token_urlsafe(24)
        self._folder: Path | None = None

    def configure(self, params: _Params) -> None:
        params.api_keys = [self._key]
        if sys.platform != "win32":
            _remove_orphans()
            self._folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-"))
            params.hostnames = [str(self._folder / "llm.sock")]

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Posts ``body``; raises ModelError when the runtime refuses."""
        connection = self._connect()
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            raw = answer.read()
        except OSError as error:
            raise ModelError(f"the language model does not answer: {error}") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise ModelError(f"the language model refused {path}: status {answer.status}")
        return cast("dict[str, Any]", json.loads(raw))

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _connect(self) -> http.client.HTTPConnection:
        if self._folder is None:
            host = self.address.removeprefix("http://")
            return http.client.HTTPConnection(host, timeout=_SOCKET_TIMEOUT_S)
        return _SocketFileConnection(str(self._folder / "llm.sock"))


def _remove_orphans() -> None:
    """Removes socket folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        pid_text = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
        try:
            os.kill(int(pid_text), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (ValueError, PermissionError):
            log.debug("%s belongs to somebody else", folder.name)


class _SocketFileConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_SOCKET_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SOCKET_TIMEOUT_S)
        self.sock.connect(self._path)
