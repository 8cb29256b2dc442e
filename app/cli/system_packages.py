"""What the operating system must bring, how each system installs it, and whether a window can open.

Standard library only: the launcher uses this file before any package is installed.
"""

import ctypes
import importlib.util
import os
import shutil
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_TABLE = tomllib.loads(
    (Path(__file__).resolve().parents[2] / "resources/system_packages.toml").read_text("utf-8")
)
INSTALLERS: dict[str, str] = _TABLE.pop("installers")
"""Installer program and how to call it; the first one on the path names the system."""


@dataclass(frozen=True)
class Need:
    """One thing the system must bring, and its packages by installer.

    Attributes:
        kind: "library" (loaded by name), "program" (found on the path) or "module" (of Python).
    """

    name: str
    kind: str
    packages: Mapping[str, str]


def needs_of(*groups: str) -> tuple[Need, ...]:
    """Return what the named groups of the table need: python, sound, qt, window, tests."""
    return tuple(
        Need(name, kind, dict(zip(INSTALLERS, packages, strict=True)))
        for group in groups
        for kind, entries in _TABLE[group].items()
        for name, packages in entries.items()
    )


def is_there(need: Need) -> bool:
    """Return whether the system has it."""
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
    """Return the package program of this system, if it is one of the table."""
    return next((name for name in INSTALLERS if shutil.which(name)), None)


def advice(missing: Iterable[Need], program: str | None) -> str:
    """Return one line: what is missing, and the exact command that installs it."""
    listed = tuple(missing)
    names = ", ".join(need.name for need in listed)
    if program is None:
        return f"the system has no {names}; install them with its package program"
    packages = " ".join(dict.fromkeys(need.packages[program] for need in listed))
    return f"the system has no {names}; install with: sudo {INSTALLERS[program]} {packages}"


def screen_problem() -> str:
    """Return why Qt would end the program instead of opening a window; "" where it would not."""
    if sys.platform != "linux":
        return ""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    has_x11 = bool(os.environ.get("DISPLAY"))
    has_wayland = bool(os.environ.get("WAYLAND_DISPLAY"))
    if not (platform or has_x11 or has_wayland):
        return (
            "there is no screen here (DISPLAY and WAYLAND_DISPLAY are not set); "
            "parley demo holds a conversation without a window"
        )
    uses_x11 = platform.startswith("xcb") or not (platform or has_wayland)
    needs = needs_of("qt", "window") if uses_x11 else needs_of("qt")
    missing = [need for need in needs if not is_there(need)]
    return advice(missing, installer()) if missing else ""
