"""Notes every connection to the outside that Python code of a process tries to make.

A process that finds this folder's ``sitecustomize`` on its path writes them to the file named in
PARLEY_TEST_CONNECTIONS, one a line with its process: "started", or where it wanted to go.
Socket files are no network. Loopback is noted as such. Native code is not seen.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "PARLEY_TEST_CONNECTIONS"
STARTED = "started"
_EVENTS = {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}


def watch(path: Path) -> None:
    """Note from now on, until the process ends."""

    def note(line: str) -> None:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{os.getpid()} {line}\n")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event not in _EVENTS:
            return
        address = arguments[1] if event in {"socket.connect", "socket.sendto"} else arguments[0]
        if isinstance(address, tuple):
            host = str(address[0])
            kind = "loopback" if host in {"127.0.0.1", "::1", "localhost"} else "outside"
            note(f"{kind} {event} {host}")
        elif event.startswith("socket.get"):
            note(f"outside {event} {address!r}")

    note(STARTED)
    sys.addaudithook(hook)


def environment_of(folder: Path) -> dict[str, str]:
    """Write ``sitecustomize`` into ``folder``; return the environment of a watched program."""
    root = Path(__file__).resolve().parents[2]
    (folder / "sitecustomize.py").write_text(
        "import os, pathlib\nfrom tests.fakes.socket_guard import VARIABLE, watch\n"
        "watch(pathlib.Path(os.environ[VARIABLE]))\n",
        encoding="utf-8",
    )
    return {
        **os.environ,
        "PYTHONPATH": f"{folder}{os.pathsep}{root}",
        VARIABLE: str(folder / "connections.txt"),
    }


def noted_in(folder: Path) -> tuple[set[str], list[str]]:
    """Return the processes that were watched, and what they noted besides their start."""
    rows = [line.split(" ", 1) for line in (folder / "connections.txt").read_text().splitlines()]
    return {pid for pid, what in rows if what == STARTED}, [w for _, w in rows if w != STARTED]
