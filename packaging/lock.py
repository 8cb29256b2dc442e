"""Rewrites the three locks: installers, the application, and the application with its tools.

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
# pip is pinned for its machine-readable progress; setuptools builds what has no wheel.
INSTALLERS = ("pip>=25", "setuptools>=77")


def lock(name: str, sources: tuple[str, ...], requirements: tuple[str, ...] = ()) -> None:
    """Write one lock. Raises CalledProcessError when the requirements do not fit together."""
    command = ["uv", "pip", "compile", "--quiet", "--no-config", "--universal", "--generate-hashes"]
    command += ["--python-version", OLDEST_PYTHON, "--no-header", "--no-annotate", "--upgrade"]
    command += ["--no-emit-index-url", "--no-emit-find-links"]
    command += ["--output-file", str(PACKAGING / name), *sources]
    text = "\n".join(requirements)
    subprocess.run(command, input=text, text=True, check=True, cwd=REPOSITORY)
    sys.stdout.write(f"packaging/{name}\n")


def main() -> int:
    """Write all locks; return the exit code."""
    if shutil.which("uv") is None:
        sys.stderr.write("packaging/lock.py: the program uv is missing; run: pip install uv\n")
        return 1
    lock("requirements-build.lock", ("-",), INSTALLERS)
    lock("requirements.lock", ("pyproject.toml",))
    lock("requirements-dev.lock", ("pyproject.toml", "--extra", "dev"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
