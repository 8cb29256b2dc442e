"""Libraries and programs that come with the operating system, and how each system installs them.

As root on Debian or Ubuntu they are installed; elsewhere the exact command is printed. Knows
nothing of Python packages and weights.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from setup_error import SetupError

# Installer program -> how to call it. The first one found on the path names the system.
INSTALLERS = {
    "apt-get": "apt-get install -y",
    "dnf": "dnf install -y",
    "pacman": "pacman -S --needed",
    "zypper": "zypper install -y",
}


@dataclass(frozen=True)
class Need:
    """One thing the system must bring, and its package per installer ("" = comes with another).

    Attributes:
        kind: "library" (loaded by name), "program" (found on the path) or "module" (of Python).
    """

    name: str
    kind: str
    packages: dict[str, str]


def _need(kind: str, name: str, apt: str, dnf: str, pacman: str, zypper: str) -> Need:
    packages = {"apt-get": apt, "dnf": dnf, "pacman": pacman, "zypper": zypper}
    return Need(name, kind, packages)


def _library(name: str, apt: str, dnf: str, pacman: str, zypper: str) -> Need:
    return _need("library", name, apt, dnf, pacman, zypper)


PYTHON = (_need("module", "ensurepip", "python3-venv", "python3", "python", "python3"),)
SOUND = (_library("libportaudio.so.2", "libportaudio2", "portaudio", "portaudio", "libportaudio2"),)
# What Qt's own library and its xcb platform plug-in are linked against (ldd), less what every
# Linux has.
QT = (
    _library("libEGL.so.1", "libegl1", "libglvnd-egl", "libglvnd", "Mesa-libEGL1"),
    _library("libGL.so.1", "libgl1", "libglvnd-glx", "libglvnd", "Mesa-libGL1"),
    _library("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon", "libxkbcommon0"),
    _library("libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus", "libdbus-1-3"),
    _library("libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig", "fontconfig"),
    _library("libglib-2.0.so.0", "libglib2.0-0", "glib2", "glib2", "libglib-2_0-0"),
)
WINDOW = (
    _library(
        "libxkbcommon-x11.so.0",
        "libxkbcommon-x11-0",
        "libxkbcommon-x11",
        "libxkbcommon-x11",
        "libxkbcommon-x11-0",
    ),
    _library(
        "libxcb-cursor.so.0",
        "libxcb-cursor0",
        "xcb-util-cursor",
        "xcb-util-cursor",
        "libxcb-cursor0",
    ),
    _library("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm", "libxcb-icccm4"),
    _library(
        "libxcb-image.so.0", "libxcb-image0", "xcb-util-image", "xcb-util-image", "libxcb-image0"
    ),
    _library(
        "libxcb-keysyms.so.1",
        "libxcb-keysyms1",
        "xcb-util-keysyms",
        "xcb-util-keysyms",
        "libxcb-keysyms1",
    ),
    _library("libxcb-randr.so.0", "libxcb-randr0", "libxcb", "libxcb", "libxcb-randr0"),
    _library(
        "libxcb-render-util.so.0",
        "libxcb-render-util0",
        "xcb-util-renderutil",
        "xcb-util-renderutil",
        "libxcb-render-util0",
    ),
    _library("libxcb-shape.so.0", "libxcb-shape0", "libxcb", "libxcb", "libxcb-shape0"),
    _library("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb", "libxcb", "libxcb-xkb1"),
)
# Programs the tests of the real window and of the sound path use; without them those tests skip.
TESTS = (
    _need("program", "Xvfb", "xvfb", "xorg-x11-server-Xvfb", "xorg-server-xvfb", "xvfb-run"),
    _need("program", "openbox", "openbox", "openbox", "openbox", "openbox"),
    _need("program", "xdotool", "xdotool", "xdotool", "xdotool", "xdotool"),
    _need("program", "pulseaudio", "pulseaudio", "pulseaudio", "pulseaudio", "pulseaudio"),
    _need(
        "program",
        "pactl",
        "pulseaudio-utils libasound2-plugins fonts-noto-core fonts-noto-cjk",
        "pulseaudio-utils alsa-plugins-pulseaudio google-noto-sans-cjk-fonts",
        "libpulse alsa-plugins noto-fonts-cjk",
        "pulseaudio-utils alsa-plugins-pulse google-noto-sans-cjk-fonts",
    ),
)


def ensure(*, needs_window: bool, for_tests: bool) -> None:
    """Installs what is missing where that is possible, else says how.

    Raises:
        SetupError: something without which this start cannot work is missing.
    """
    if sys.platform != "linux":
        # The wheels for Windows and macOS bring PortAudio and all of Qt's libraries.
        if importlib.util.find_spec("ensurepip") is None:
            raise SetupError(advice_without_installer(sys.platform))
        return
    required = PYTHON + (QT if needs_window or for_tests else ()) + (WINDOW if needs_window else ())
    wished = SOUND + (WINDOW + TESTS if for_tests else ())
    missing = [need for need in (*required, *wished) if not is_there(need)]
    if missing and installer() == "apt-get" and os.geteuid() == 0:
        install_with_apt(missing)
        missing = [need for need in missing if not is_there(need)]
    if not missing:
        return
    names = ", ".join(need.name for need in missing)
    message = f"the system has no {names}; install with: {command_for(missing, installer())}"
    if any(need in required for need in missing):
        raise SetupError(message)
    print(f"Note: {message}", flush=True)


def is_there(need: Need) -> bool:
    if need.kind == "program":
        return shutil.which(need.name) is not None
    if need.kind == "module":
        return importlib.util.find_spec(need.name) is not None
    try:
        ctypes.CDLL(need.name)
    except OSError:
        return False
    return True


def installer() -> str | None:
    """The package program of this system, if it is one we know."""
    return next((name for name in INSTALLERS if shutil.which(name)), None)


def command_for(missing: list[Need], program: str | None) -> str:
    """The exact command that installs the packages."""
    if program is None:
        return f"your system's package program (libraries: {', '.join(n.name for n in missing)})"
    packages = " ".join(dict.fromkeys(need.packages[program] for need in missing))
    return f"sudo {INSTALLERS[program]} {packages}"


def advice_without_installer(platform: str) -> str:
    if platform == "darwin":
        return "this Python has no ensurepip; install one with: brew install python@3.12"
    return "this Python has no ensurepip; install one with: winget install Python.Python.3.12"


def install_with_apt(missing: list[Need]) -> None:
    packages = list(dict.fromkeys(" ".join(n.packages["apt-get"] for n in missing).split()))
    print(f"Installing {len(packages)} system packages: {' '.join(packages)}", flush=True)
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            print(f"Note: {' '.join(command[:2])} failed: {said[-1] if said else ''}", flush=True)
