"""The real application: starts, shows, is photographed, and quits in order."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 60

PROGRAM = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from app.ui.application import run_window
    from tests.fakes.session import FakeSession
    from tests.fakes.window_states import STATES, example_history

    session = FakeSession(STATES["speaking"]("en"), history=example_history())
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    print("started", flush=True)
    code = run_window(
        session, on_quit=lambda: print("quit", flush=True), first_run=False, screenshot_path=picture
    )
    print("code", code, flush=True)
    """
)


def start(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_real_window_opens_on_a_screen_and_is_photographed(tmp_path: Path) -> None:
    if shutil.which("xvfb-run") is None or shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    picture = tmp_path / "window.png"
    python = [sys.executable, "-c", PROGRAM, str(picture)]
    process = start(
        ["xvfb-run", "-a", "-s", "-screen 0 1400x900x24", *python], {"QT_QPA_PLATFORM": "xcb"}
    )
    output, errors = process.communicate(timeout=START_LIMIT_S)
    assert process.returncode == 0, errors
    assert output.splitlines() == ["started", "quit", "code 0"]
    image = QImage(str(picture))
    assert image.width() >= 1000
    colours = {image.pixel(x, y) for x in range(0, 1000, 7) for y in range(0, 700, 7)}
    assert len(colours) > 10


def test_ctrl_c_closes_the_window_and_quits_once(tmp_path: Path) -> None:
    program = PROGRAM.replace(
        'print("started", flush=True)',
        "from PySide6.QtCore import QTimer\n"
        "from app.ui.application import make_application\n"
        "make_application()\n"
        'QTimer.singleShot(300, lambda: print("started", flush=True))',
    )
    process = start([sys.executable, "-c", program], {"QT_QPA_PLATFORM": "offscreen"})
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "started"
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=START_LIMIT_S)
    assert process.returncode == 0, errors
    assert output.splitlines() == ["quit", "code 0"]
