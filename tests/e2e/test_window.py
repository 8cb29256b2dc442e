"""The real window on a real X server, where there is one without a screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

PROGRAM = Path(__file__).with_name("window_program.py")
REPOSITORY = Path(__file__).resolve().parents[2]
AT_MOST_S = 60.0


@pytest.fixture
def display() -> Iterator[str]:
    """The name of an X server of its own."""
    if shutil.which("Xvfb") is None:
        pytest.skip("the window test needs Xvfb")
    ours, theirs = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
        pass_fds=(theirs,),
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        number = pipe.readline().strip()  # written when the server takes connections
    try:
        if not number:
            pytest.skip("Xvfb did not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(AT_MOST_S)


def test_the_window_shows_a_conversation_and_closes_without_leaving_threads(
    display: str, tmp_path: Path
) -> None:
    picture = tmp_path / "window.png"
    environment = {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "PYTHONPATH": str(REPOSITORY),
    }
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), str(picture)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=AT_MOST_S,
        check=False,
    )
    if "could not load the Qt platform plugin" in ran.stderr.lower():
        pytest.skip("the libraries of Qt's X11 plugin are not installed")
    assert ran.returncode == 0, ran.stderr
    assert "survivors: []" in ran.stdout
    assert _n_colours(picture) > 50


def _n_colours(path: Path) -> int:
    """A window that painted nothing has a handful."""
    image = QImage(str(path))
    assert not image.isNull()
    columns = range(0, image.width(), 4)
    return len({image.pixel(x, y) for x in columns for y in range(0, image.height(), 4)})
