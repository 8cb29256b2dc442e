#!/usr/bin/env python3
"""Sets Parley up and starts it; needs nothing but Python and its standard library.

    python3 packaging/launch.py [--quick] [--speech-lm] [ARGUMENTS FOR PARLEY]
    python3 packaging/launch.py test [ARGUMENTS FOR PYTEST]

The first start makes .venv beside this folder, installs the locked packages, checks the system's
libraries and fetches the default weights; later starts find all of it in place.

    --quick      fetch the smallest set of weights
    --speech-lm  also install torch and transformers, for the speech language model and training;
                 the tests always have them

"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)

# What an older Python cannot parse is imported after this check, so that it gets the message.
if sys.version_info < OLDEST_PYTHON:
    FOUND = "{}.{}".format(*sys.version_info)
    sys.exit(
        "Parley needs Python 3.11 or newer, this is " + FOUND + "; run this file with a newer one"
    )

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(1, str(REPOSITORY))  # behind this folder, before installed packages

import environment  # noqa: E402
import system_libraries  # noqa: E402
from environment import SetupError  # noqa: E402

QUICK_MODEL = "cascade-quick"
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
TEST_WEIGHTS = ("core", "quick", "hd-voices", "mandarin", "evaluation")


class Request:
    """What the command line asks for; everything that is not known here is passed on."""

    def __init__(self, arguments: list[str]) -> None:
        self.is_test = arguments[:1] == ["test"]
        rest = arguments[1:] if self.is_test else list(arguments)
        self.is_help = rest[:1] in (["-h"], ["--help"]) and not self.is_test
        self.is_quick = "--quick" in rest
        self.wants_speech_lm = self.is_test or "--speech-lm" in rest
        self.passed_on = [word for word in rest if word not in ("--quick", "--speech-lm")]


def has_screen(platform: str, variables: dict[str, str]) -> bool:
    """Return whether a window can be shown; only Linux is used without a screen."""
    if platform in ("win32", "darwin"):
        return True
    return any(variables.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def application_arguments(request: Request, can_show_window: bool) -> list[str]:
    """Return the arguments of ``python -m app``: the demonstration where there is no screen."""
    if request.passed_on or can_show_window:
        return request.passed_on
    return ["demo", "--out", "out/", *(["--model", QUICK_MODEL] if request.is_quick else [])]


def prepare(request: Request, needs_window: bool) -> Path:
    """Make everything ready and return the environment's interpreter.

    Raises:
        SetupError: one line saying what is missing and what to do.
    """
    system_libraries.ensure(needs_window=needs_window, for_tests=request.is_test)
    python = environment.ensure(REPOSITORY, for_tests=request.is_test)
    if request.wants_speech_lm:
        environment.ensure_speech_lm(REPOSITORY, python)
    groups = TEST_WEIGHTS if request.is_test else ("quick" if request.is_quick else "core",)
    fetch = [str(python), "-m", "app", "models", "get", *groups]
    if subprocess.run(fetch, cwd=REPOSITORY, check=False).returncode != 0:
        raise SetupError("the weights are not complete, for the reason above; run this again")
    return python


def main(arguments: list[str]) -> int:
    """Return the exit code of Parley or of its tests."""
    request = Request(arguments)
    if request.is_help:
        print(__doc__)
        return 0
    can_show_window = has_screen(sys.platform, dict(os.environ))
    try:
        python = prepare(request, can_show_window and not request.passed_on)
    except SetupError as error:
        print(f"launch.py: {error}", file=sys.stderr)
        return EXIT_FAILED
    if request.is_test:
        command = [str(python), "-m", "pytest", *request.passed_on]
    else:
        if not can_show_window and not request.passed_on:
            print("There is no screen here: holding the demonstration conversation instead.")
            print("Its recording and timeline will be in out/.", flush=True)
        command = [str(python), "-m", "app", *application_arguments(request, can_show_window)]
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\nlaunch.py: stopped; run it again to go on where it was", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
