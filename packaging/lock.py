"""Rewrites requirements.lock and requirements-dev.lock from pyproject.toml.

Run it with uv on the path: ``python packaging/lock.py``. The locks hold exact versions with the
hashes of every platform's files, and no address of an index.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGING = Path(__file__).resolve().parent
REPOSITORY = PACKAGING.parent
# The oldest Python that Parley supports; --universal adds the newer ones as markers.
OLDEST_PYTHON = "3.11"
# pip is pinned for its machine-readable progress, setuptools builds the editable install.
INSTALLERS = "pip>=25\nsetuptools>=77\n"
LOCKS = (("requirements.lock", ()), ("requirements-dev.lock", ("--extra", "dev")))


def lock(name: str, extras: tuple[str, ...]) -> None:
    """Writes one lock; raises CalledProcessError when nothing fits together."""
    command = ["uv", "pip", "compile", "--quiet", "--no-config", "--universal", "--generate-hashes"]
    command += ["--python-version", OLDEST_PYTHON, "--no-header", "--no-annotate"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--upgrade", *extras]
    command += ["--output-file", str(PACKAGING / name), "pyproject.toml", "-"]
    subprocess.run(command, input=INSTALLERS, text=True, check=True, cwd=REPOSITORY)


def main() -> int:
    if shutil.which("uv") is None:
        sys.stderr.write("packaging/lock.py: the program uv is missing; run: pip install uv\n")
        return 1
    for name, extras in LOCKS:
        lock(name, extras)
        sys.stdout.write(f"packaging/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
