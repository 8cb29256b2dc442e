"""The virtual environment: made once, filled from a lock with hashes, and left alone afterwards.

A stamp beside the installed packages holds the lock's hash. It is written last, so an installation
that was interrupted is repeated.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

BUILD_LOCK = "requirements-build.lock"
CORE_LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"
STAMP = "parley-{name}.stamp"
# Measured with Python 3.11 on Linux: the core set takes 0.6 GB, torch and transformers 1.4 GB more.
CORE_BYTES = 800 << 20
SPEECH_LM_BYTES = 2 << 30
_MIB = 1 << 20
_SHOWN = re.compile(r"^\s*(Collecting|Downloading|Installing|Building|Successfully installed)\b")
_SHOWN_WIDTH = 100

# What pip says -> what it means for the person.
_NO_ANSWER = "the package index does not answer; check the network and run this again"
REASONS = {
    "DO NOT MATCH THE HASHES": "a package differs from its locked hash and was not used; run this "
    "again, and if it stays, the package index serves a changed file",
    "No space left": "the disk is full; free about 1 GB and run this again",
    "connection broken": _NO_ANSWER,
    "NewConnectionError": _NO_ANSWER,
    "NameResolutionError": _NO_ANSWER,
    "CERTIFICATE_VERIFY_FAILED": "the package index's certificate is not trusted here; check the "
    "date of this machine and its proxy settings",
    "No matching distribution": "a locked package has no build for this Python and system; "
    "use Python 3.11 or 3.12",
}


class SetupError(Exception):
    """The machine cannot be made ready; the message is one line with the remedy."""


def ensure(repository: Path, *, for_tests: bool) -> Path:
    """Make .venv with the locked packages and return its interpreter.

    Raises:
        SetupError: there is no room or no network, a hash differs, or this Python has no venv.
    """
    folder = repository / ".venv"
    python = interpreter_of(folder)
    if not is_usable(python):
        require_room(repository, CORE_BYTES)
        print(f"Making {folder}", flush=True)
        create(folder)
    lock = repository / "packaging" / (DEV_LOCK if for_tests else CORE_LOCK)
    names = ("dev",) if for_tests else ("core", "dev")
    if not any(is_stamped(folder, name, repository) for name in names):
        require_room(repository, CORE_BYTES)
        print(f"Installing the packages of {lock.name}", flush=True)
        name = names[0]
        stamp_path(folder, name).unlink(missing_ok=True)
        install_locked(python, lock.with_name(BUILD_LOCK))
        install_locked(python, lock)
        pip(python, "install", "--no-deps", "--no-build-isolation", "--editable", str(repository))
        stamp_path(folder, name).write_text(stamp_of(name, repository), encoding="utf-8")
    return python


def install_locked(python: Path, lock: Path) -> None:
    """Install a lock; what has no wheel is built with the locked setuptools, not a fetched one."""
    pip(python, "install", "--require-hashes", "--no-build-isolation", "--requirement", str(lock))


def ensure_speech_lm(repository: Path, python: Path) -> None:
    """Install torch and transformers at the versions that pyproject.toml pins."""
    folder = repository / ".venv"
    if is_stamped(folder, "speech-lm", repository):
        return
    require_room(repository, SPEECH_LM_BYTES)
    print("Installing torch and transformers (1.4 GB; a few minutes)", flush=True)
    pip(python, "install", *speech_lm_requirements(repository))
    text = stamp_of("speech-lm", repository)
    stamp_path(folder, "speech-lm").write_text(text, encoding="utf-8")


def speech_lm_requirements(repository: Path) -> list[str]:
    """Return the pinned packages of the speech-lm extra."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    return list(project["project"]["optional-dependencies"]["speech-lm"])


def interpreter_of(folder: Path) -> Path:
    """Return the Python of an environment."""
    if sys.platform == "win32":
        return folder / "Scripts" / "python.exe"
    return folder / "bin" / "python"


def is_usable(python: Path) -> bool:
    """Return whether the environment starts, has pip, and is of this Python's version."""
    if not python.exists():
        return False
    question = "import sys, pip; print(sys.version_info[:2])"
    asked = subprocess.run(
        [str(python), "-c", question], capture_output=True, text=True, check=False
    )
    return asked.returncode == 0 and asked.stdout.strip() == str(sys.version_info[:2])


def create(folder: Path) -> None:
    """Make a fresh environment in place of what an interrupted start left there."""
    command = [sys.executable, "-m", "venv", "--clear", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        lines = [line for line in (made.stdout + made.stderr).splitlines() if line.strip()]
        raise SetupError(f"cannot make {folder}: {lines[-1] if lines else 'no reason was given'}")


def stamp_path(folder: Path, name: str) -> Path:
    """Return where the stamp of "core", "dev" or "speech-lm" is."""
    return folder / STAMP.format(name=name)


def stamp_of(name: str, repository: Path) -> str:
    """Return a hash of everything that decides what is installed."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    described = {"project": project["project"], "setuptools": project["tool"]["setuptools"]}
    if name != "speech-lm":
        for lock in (BUILD_LOCK, {"core": CORE_LOCK, "dev": DEV_LOCK}[name]):
            described[lock] = (repository / "packaging" / lock).read_text(encoding="utf-8")
    # The editable install records the path of this very folder.
    described["where"] = [str(repository), *sys.version_info[:2]]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def is_stamped(folder: Path, name: str, repository: Path) -> bool:
    """Return whether that set of packages is installed as it should be now."""
    path = stamp_path(folder, name)
    return path.is_file() and path.read_text(encoding="utf-8") == stamp_of(name, repository)


def require_room(folder: Path, n_bytes: int) -> None:
    """Raise SetupError where the disk has less room than that."""
    n_free = shutil.disk_usage(folder).free
    if n_free < n_bytes:
        raise SetupError(
            f"{folder} has {n_free // _MIB} MiB free, the packages need {n_bytes // _MIB} MiB"
        )


def pip(python: Path, *arguments: str) -> None:
    """Run pip and show a line for each package. Raises SetupError with what pip said."""
    command = [str(python), "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input"]
    output: list[str] = []
    # Through a pipe pip's bar says nothing before its end; a line per package is shown instead.
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", "PIP_PROGRESS_BAR": "off"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=variables,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line.strip())
            if _SHOWN.match(line):
                shown = line.strip().partition(" (from ")[0]
                print(f"  {shown[:_SHOWN_WIDTH]}", flush=True)
    if process.returncode != 0:
        raise SetupError(explain(output))


def explain(output: list[str]) -> str:
    """Return one line for a person, made of what pip printed."""
    text = "\n".join(output)
    for sign, meaning in REASONS.items():
        if sign in text:
            return meaning
    errors = [line for line in output if line.startswith("ERROR:")]
    said = errors or [line for line in output if line] or ["no reason was given"]
    return f"pip failed: {said[-1]}"
