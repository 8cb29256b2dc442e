"""The environment is installed once, again after a break, and pip's words become one clear line."""

from __future__ import annotations

import shutil
from pathlib import Path

import environment
import pytest
from environment import SetupError

PROJECT = """
[project.optional-dependencies]
speech-lm = ["torch==1.0", "transformers==2.0"]
[tool.setuptools]
packages = ["app"]
"""


class FakeMachine:
    """Stands for venv and pip: remembers what was asked, and may stop in the middle."""

    def __init__(self, repository: Path) -> None:
        self.folder = repository / ".venv"
        self.installs: list[tuple[str, ...]] = []
        self.n_made = 0
        self.breaks_at: str | None = None

    def create(self, folder: Path) -> None:
        self.n_made += 1
        shutil.rmtree(folder, ignore_errors=True)
        python = environment.interpreter_of(folder)
        python.parent.mkdir(parents=True)
        python.touch()

    def is_usable(self, python: Path) -> bool:
        return python.exists()

    def pip(self, python: Path, *arguments: str) -> None:
        self.installs.append(arguments)
        if self.breaks_at in arguments:
            raise SetupError("the line was cut")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "packaging").mkdir()
    (tmp_path / "packaging" / environment.BUILD_LOCK).write_text("pip==1\n", encoding="utf-8")
    (tmp_path / "packaging" / environment.CORE_LOCK).write_text("a==1\n", encoding="utf-8")
    (tmp_path / "packaging" / environment.DEV_LOCK).write_text("a==1\nb==1\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


@pytest.fixture
def machine(repository: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    fake = FakeMachine(repository)
    for name in ("create", "is_usable", "pip"):
        monkeypatch.setattr(environment, name, getattr(fake, name))
    return fake


def test_second_start_installs_nothing(repository: Path, machine: FakeMachine) -> None:
    environment.ensure(repository, for_tests=False)
    assert any("--require-hashes" in arguments for arguments in machine.installs)
    machine.installs.clear()
    environment.ensure(repository, for_tests=False)
    assert machine.installs == []
    assert machine.n_made == 1


def test_a_changed_lock_is_installed(repository: Path, machine: FakeMachine) -> None:
    environment.ensure(repository, for_tests=False)
    machine.installs.clear()
    (repository / "packaging" / environment.CORE_LOCK).write_text("a==2\n", encoding="utf-8")
    environment.ensure(repository, for_tests=False)
    assert machine.installs


def test_a_changed_lint_rule_installs_nothing(repository: Path, machine: FakeMachine) -> None:
    environment.ensure(repository, for_tests=False)
    machine.installs.clear()
    with (repository / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write("[tool.ruff]\nline-length = 100\n")
    environment.ensure(repository, for_tests=False)
    assert machine.installs == []


@pytest.mark.parametrize("breaks_at", ["--require-hashes", "--editable"])
def test_an_interrupted_installation_is_done_again(
    repository: Path, machine: FakeMachine, breaks_at: str
) -> None:
    machine.breaks_at = breaks_at
    with pytest.raises(SetupError, match="cut"):
        environment.ensure(repository, for_tests=False)
    machine.breaks_at = None
    machine.installs.clear()
    environment.ensure(repository, for_tests=False)
    assert any("--require-hashes" in arguments for arguments in machine.installs)


def test_an_unusable_environment_is_made_afresh(repository: Path, machine: FakeMachine) -> None:
    environment.ensure(repository, for_tests=False)
    environment.interpreter_of(machine.folder).unlink()
    environment.ensure(repository, for_tests=False)
    assert machine.n_made == 2


def test_the_test_set_serves_the_application_too(repository: Path, machine: FakeMachine) -> None:
    environment.ensure(repository, for_tests=True)
    locks = [words[-1] for words in machine.installs if "--require-hashes" in words]
    assert [Path(lock).name for lock in locks] == [environment.BUILD_LOCK, environment.DEV_LOCK]
    machine.installs.clear()
    environment.ensure(repository, for_tests=False)
    assert machine.installs == []


def test_torch_is_installed_once_at_the_pinned_version(
    repository: Path, machine: FakeMachine
) -> None:
    python = environment.ensure(repository, for_tests=False)
    machine.installs.clear()
    environment.ensure_speech_lm(repository, python)
    environment.ensure_speech_lm(repository, python)
    assert machine.installs == [("install", "torch==1.0", "transformers==2.0")]


def test_too_little_room_is_said_before_anything_is_made(
    repository: Path, machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(repository)._replace(free=5 << 20)
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: full)
    with pytest.raises(SetupError, match="5 MiB free"):
        environment.ensure(repository, for_tests=False)
    assert machine.n_made == 0


@pytest.mark.parametrize(
    ("printed", "meaning"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "hash"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left", "disk"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "network"),
        ("ERROR: No matching distribution found for numpy==2.4.6", "Python 3.11"),
    ],
)
def test_what_pip_says_becomes_one_clear_line(printed: str, meaning: str) -> None:
    said = environment.explain(["Collecting numpy", printed, ""])
    assert meaning in said
    assert "\n" not in said


def test_an_unknown_failure_quotes_pip() -> None:
    assert environment.explain(["a", "ERROR: odd", "b"]) == "pip failed: ERROR: odd"
    assert environment.explain([]) == "pip failed: no reason was given"


def test_a_python_without_pip_is_not_usable(tmp_path: Path) -> None:
    python = tmp_path / "python"
    assert not environment.is_usable(python)
    python.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    python.chmod(0o755)
    assert not environment.is_usable(python)
