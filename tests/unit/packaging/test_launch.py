"""What the launcher starts, and that an old Python gets a message instead of a traceback."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import launch
import pytest
from environment import SetupError

from model import catalog
from model.store.manifest import load_weights


def arguments(*words: str, screen: bool = True) -> list[str]:
    return launch.application_arguments(launch.Request(list(words)), screen)


def test_no_arguments_open_the_window() -> None:
    assert arguments() == []


def test_without_a_screen_the_demonstration_is_held_into_out() -> None:
    assert arguments(screen=False) == ["demo", "--out", "out/"]


def test_the_smallest_set_of_weights_is_demonstrated_with_the_model_it_holds() -> None:
    words = arguments("--quick", screen=False)
    assert words[:3] == ["demo", "--out", "out/"]
    model = catalog.entry(words[words.index("--model") + 1])
    quick = {weight.name for weight in load_weights().in_group("quick")}
    assert set(model.weights) <= quick


def test_own_switches_do_not_reach_the_application() -> None:
    assert arguments("--quick", "scene", "a.toml", "--speech-lm") == ["scene", "a.toml"]


def test_a_command_is_run_with_or_without_a_screen() -> None:
    assert arguments("scene", "a.toml", screen=False) == ["scene", "a.toml"]


def test_test_is_recognised_only_as_the_first_word() -> None:
    request = launch.Request(["test", "-k", "vad"])
    assert request.is_test
    assert request.passed_on == ["-k", "vad"]
    assert not launch.Request(["scene", "test"]).is_test


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("win32", {}, True),
        ("darwin", {}, True),
    ],
)
def test_screen_is_recognised(platform: str, variables: dict[str, str], expected: bool) -> None:
    assert launch.has_screen(platform, variables) is expected


def test_a_machine_that_cannot_be_made_ready_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(request: launch.Request, needs_window: bool) -> Path:
        raise SetupError("the disk is full")

    monkeypatch.setattr(launch, "prepare", refuse)
    assert launch.main(["scene"]) == launch.EXIT_FAILED
    assert capsys.readouterr().err == "launch.py: the disk is full\n"


def test_an_old_python_can_parse_the_launcher() -> None:
    source = Path(launch.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    check = source.index("sys.version_info <")
    assert check < source.index("import environment")
    assert check < source.index("import system_libraries")


def test_the_launcher_needs_nothing_but_the_standard_library() -> None:
    command = [sys.executable, "-E", "-s", "-S", launch.__file__, "--help"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_help_sets_nothing_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["--help"]) == 0
    assert "--quick" in capsys.readouterr().out
