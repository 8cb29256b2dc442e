"""A virtual sound card of its own, where its programs are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.embedded import embedded_default, read_back

__all__ = ["embedded_default", "read_back", "rig"]

SCRIPT = Path(__file__).resolve().parents[3] / "shared" / "tools" / "audio_rig.sh"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The script that drives the card; the environment is put back afterwards."""
    if not SCRIPT.is_file() or not shutil.which("pulseaudio") or not shutil.which("paplay"):
        pytest.skip("the virtual sound card needs audio_rig.sh, pulseaudio and paplay")
    before = dict(os.environ)
    os.environ["AUDIO_RIG_DIR"] = str(tmp_path_factory.mktemp("rig"))
    out = subprocess.run(
        ["bash", str(SCRIPT), "start"], capture_output=True, text=True, check=True, timeout=30
    )
    for line in out.stdout.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        os.environ[name] = value.strip("'\"")
    yield SCRIPT
    subprocess.run(["bash", str(SCRIPT), "stop"], check=False, timeout=30, capture_output=True)
    os.environ.clear()
    os.environ.update(before)
