"""A model hub on this machine: the addresses that are asked, byte ranges, ways to misbehave."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self
from urllib.parse import unquote, urlsplit

_N_COMMIT = 40
_BIG = 100  # bytes from which a file counts as large and has a SHA-256


@dataclass
class HubRepo:
    """Content by path; ``commit`` follows the content unless a test sets another."""

    files: dict[str, bytes]
    commit: str = ""

    def __post_init__(self) -> None:
        self.commit = self.commit or hashlib.sha1(repr(self.files).encode()).hexdigest()[:_N_COMMIT]

    def siblings(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for path, content in self.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            row: dict[str, object] = {"rfilename": path, "size": len(content), "blobId": blob}
            if len(content) >= _BIG:
                sha256 = hashlib.sha256(content).hexdigest()
                row["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
            rows.append(row)
        return rows


@dataclass
class HubServer:
    """Use with ``with``; leaves no thread.

    Attributes:
        cut: after so many bytes the next download of that path ends, once.
        garbled: paths whose bytes arrive wrong, each time.
        hidden: paths that are listed and then not found.
        status: answered to everything, where set.
        ranges: first byte of every download that was asked for.
        headers: of every request, with names in small letters.
    """

    repos: dict[str, HubRepo]
    cut: dict[str, int] = field(default_factory=dict)
    garbled: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    status: int | None = None
    ranges: list[tuple[str, int]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner._answer(self)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = Thread(target=lambda: self._server.serve_forever(0.01), name="hub")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.headers.append({key.lower(): value for key, value in handler.headers.items()})
        path = unquote(urlsplit(handler.path).path).strip("/")
        if self.status is not None:
            _send(handler, self.status, b"no")
        elif path.startswith("api/models/"):
            self._send_tree(handler, path.removeprefix("api/models/"))
        else:
            self._send_file(handler, path)

    def _send_tree(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        repo, _, revision = path.partition("/revision/")
        found = self.repos.get(repo)
        if found is None:
            _send(handler, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", found.commit):
            _send(handler, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        else:
            body = {"id": repo, "sha": found.commit, "siblings": found.siblings()}
            _send(handler, 200, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _send_file(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        repo, _, rest = path.partition("/resolve/")
        commit, _, file = rest.partition("/")
        found = self.repos.get(repo)
        if found is None or commit != found.commit or file in self.hidden:
            _send(handler, 404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        content = found.files[file]
        if file in self.garbled:
            content = bytes(255 - byte for byte in content)
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.ranges.append((file, start))
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        status = 206 if start else 200
        body = content[start:]
        n_sent = self.cut.pop(file, len(body))
        _send(handler, status, body[:n_sent], headers if start else {}, n_promised=len(body))


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    n_promised: int | None = None,
) -> None:
    handler.send_response(status)
    for key, value in (headers or {}).items():
        handler.send_header(key, value)
    handler.send_header("Content-Length", str(len(body) if n_promised is None else n_promised))
    handler.end_headers()
    handler.wfile.write(body)
