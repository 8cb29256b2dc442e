"""One llama.cpp runtime in this process, and the private address at which it is asked."""

import http.client
import json
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xllamacpp

from model.errors import ModelError, WeightsError

log = logging.getLogger(__name__)

_xllamacpp: Any = xllamacpp  # a compiled module without types

_QUIET = -1  # llama.cpp's verbosity: nothing
_SOCKET_TIMEOUT_S = 10.0
_FOLDER_PREFIX = "parley-llm-"


class LlamaServer:
    """The runtime with one model's weights. ``ask`` may be called from any thread."""

    def __init__(
        self,
        path: Path,
        *,
        n_context: int,
        n_batch: int,
        n_threads: int = 1,
        adjust: Callable[[Any], None] | None = None,
    ) -> None:
        """Load the weights.

        Args:
            n_context: tokens that it can hold.
            n_batch: tokens computed at once; work is given up between two batches.
            adjust: sets what else the runtime's parameters need.

        Raises:
            WeightsError: the file is missing or is not a model.
        """
        if not path.is_file():
            raise WeightsError(f"{path}: file is missing; fetch it with `parley models get`")
        params = _xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = n_context
        params.n_parallel = 1
        params.n_batch = n_batch
        params.n_ubatch = n_batch
        params.cpuparams.n_threads = n_threads
        params.cpuparams_batch.n_threads = n_threads
        params.cache_ram_mib = 0  # its default keeps up to 8 GB of old prompts
        params.verbosity = _QUIET
        params.offline = True
        params.n_threads_http = 1
        if adjust is not None:
            adjust(params)
        self._address = _PrivateAddress()
        self._address.configure(params)
        try:
            self._server: Any = _xllamacpp.Server(params)
        except (RuntimeError, ValueError) as error:
            self._address.close()
            raise WeightsError(f"{path}: not a model llama.cpp can load: {error}") from error
        self._address.url = str(self._server.listening_address)

    def complete(self, request: dict[str, Any], on_chunk: Callable[[object], bool]) -> None:
        """Generate until done or ``on_chunk`` returns True. Raises whatever the runtime raises."""
        self._server.handle_completions(request, on_chunk)

    def ask(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - parsed JSON
        """Post ``body`` and return the answer. Raises ModelError when the runtime refuses."""
        return self._address.ask(path, body)

    def close(self) -> None:
        """Free the weights."""
        del self._server
        self._address.close()


class _PrivateAddress:
    """Keeps the listening address that the runtime insists on off the network.

    Where the system has them it is a socket file in a folder that only this user may enter,
    elsewhere a loopback port behind a random key.
    """

    def __init__(self) -> None:
        self.url = ""
        self._key = secrets.token_urlsafe(24)
        self._folder: Path | None = None

    def configure(self, params: Any) -> None:  # noqa: ANN401 - a compiled type
        params.api_keys = [self._key]
        if sys.platform != "win32":
            _remove_orphans()
            self._folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-"))
            params.hostnames = [str(self._folder / "llm.sock")]

    def ask(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - parsed JSON
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
        return json.loads(raw)

    def close(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _connect(self) -> http.client.HTTPConnection:
        if self._folder is None:
            host = self.url.removeprefix("http://")
            return http.client.HTTPConnection(host, timeout=_SOCKET_TIMEOUT_S)
        return _SocketFileConnection(str(self._folder / "llm.sock"))


def _remove_orphans() -> None:
    """Remove socket folders of processes that were killed."""
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
