"""Nothing connects by itself: a whole conversation, watched in both of its processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.embedded import DEFAULT_WEIGHTS
from tests.fakes.socket_guard import environment_of, noted_in

PROGRAM = Path(__file__).with_name("guarded_conversation.py")
AT_MOST_S = 300.0


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=environment_of(folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=AT_MOST_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("model", "network"),
    [
        pytest.param("scripted", "when I ask", marks=pytest.mark.needs_weights("silero-vad")),
        pytest.param("cascade", "when I ask", marks=pytest.mark.needs_weights(*DEFAULT_WEIGHTS)),
        pytest.param("cascade", "never", marks=pytest.mark.needs_weights(*DEFAULT_WEIGHTS)),
    ],
)
def test_a_conversation_connects_to_nothing(model: str, network: str, tmp_path: Path) -> None:
    ran = run(tmp_path, str(PROGRAM), model, network)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip(), "an answer was heard"
    processes, noted = noted_in(tmp_path)
    assert len(processes) >= 2, "the worker's process was watched as well"
    assert noted == []


def test_the_guard_sees_a_connection(tmp_path: Path) -> None:
    code = "import socket\ntry: socket.create_connection(('192.0.2.1', 9), 0.01)\nexcept OSError: 0"
    assert run(tmp_path, "-c", code).returncode == 0
    assert "outside socket.connect 192.0.2.1" in noted_in(tmp_path)[1]
