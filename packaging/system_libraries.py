"""Checks and installs the libraries and programs that come with the operating system.

As root on Debian or Ubuntu they are installed; elsewhere the exact command is printed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

from environment import SetupError

from app.cli.system_packages import Need, advice, installer, is_there, needs_of


def ensure(*, needs_window: bool, for_tests: bool) -> None:
    """Install what is missing where that is possible, else print how.

    Raises:
        SetupError: something without which this start cannot work is missing.
    """
    if sys.platform != "linux":
        # The wheels for Windows and macOS bring PortAudio and all of Qt's libraries.
        if importlib.util.find_spec("ensurepip") is None:
            raise SetupError(advice_without_installer(sys.platform))
        return
    required = needs_of(
        "python", *(["qt"] if needs_window or for_tests else []), *(["window"] * needs_window)
    )
    wished = needs_of("sound", *(["window", "tests"] if for_tests else []))
    missing = [need for need in (*required, *wished) if not is_there(need)]
    if missing and installer() == "apt-get" and os.geteuid() == 0:
        install_with_apt(missing)
        missing = [need for need in missing if not is_there(need)]
    if not missing:
        return
    message = advice(missing, installer())
    if any(need in required for need in missing):
        raise SetupError(message)
    print(f"Note: {message}", flush=True)


def advice_without_installer(platform: str) -> str:
    """Return one line: how to get a Python that can make environments."""
    if platform == "darwin":
        return "this Python has no ensurepip; install one with: brew install python@3.12"
    return "this Python has no ensurepip; install one with: winget install Python.Python.3.12"


def install_with_apt(missing: list[Need]) -> None:
    """Install the packages; a failure is printed, and the caller looks again."""
    packages = list(dict.fromkeys(" ".join(n.packages["apt-get"] for n in missing).split()))
    print(f"Installing {len(packages)} system packages: {' '.join(packages)}", flush=True)
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            print(f"Note: {' '.join(command[:2])} failed: {said[-1] if said else ''}", flush=True)
