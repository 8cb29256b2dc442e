"""What the system lacks is named with the exact command; a window that cannot open is one line."""

from __future__ import annotations

import pytest

from app.cli import parser, system_packages
from app.cli.system_packages import INSTALLERS, Need, advice, is_there, needs_of

SOUND = needs_of("sound")


@pytest.mark.parametrize("program", sorted(INSTALLERS))
def test_every_need_has_a_package_for_every_installer(program: str) -> None:
    needs = needs_of("python", "sound", "qt", "window", "tests")
    assert all(need.packages[program] for need in needs)


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("apt-get", "sudo apt-get install -y libportaudio2"),
        ("dnf", "sudo dnf install -y portaudio"),
        ("pacman", "sudo pacman -S --needed portaudio"),
        ("zypper", "sudo zypper install -y libportaudio2"),
    ],
)
def test_the_command_is_exact(program: str, command: str) -> None:
    line = advice(SOUND, program)
    assert line == f"the system has no libportaudio.so.2; install with: {command}"


def test_a_package_is_named_once_for_several_libraries() -> None:
    assert advice(needs_of("window"), "dnf").split().count("libxcb") == 1


def test_an_unknown_system_is_told_the_library_names() -> None:
    assert "libportaudio.so.2" in advice(SOUND, None)


def test_a_library_that_exists_nowhere_is_not_there() -> None:
    assert not is_there(Need("libno-such-thing.so.9", "library", {}))
    assert not is_there(Need("no-such-program", "program", {}))
    assert is_there(Need("json", "module", {}))


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A Linux desktop on X11 with apt-get, on which every library can be loaded."""
    monkeypatch.setattr(system_packages.sys, "platform", "linux")
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(system_packages, "installer", lambda: "apt-get")
    monkeypatch.setattr(system_packages.ctypes, "CDLL", str)
    return monkeypatch


def without(desktop: pytest.MonkeyPatch, absent: str) -> None:
    def load(name: str) -> str:
        if name == absent:
            raise OSError(f"{name}: cannot open shared object file")
        return name

    desktop.setattr(system_packages.ctypes, "CDLL", load)


def test_a_desktop_with_all_libraries_may_open_its_window(desktop: pytest.MonkeyPatch) -> None:
    assert system_packages.screen_problem() == ""


def test_a_missing_xcb_library_is_named_with_its_package_before_anything_starts(
    desktop: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without(desktop, "libxcb-cursor.so.0")
    assert parser.main([]) == 1
    assert capsys.readouterr().err == (
        "parley: the system has no libxcb-cursor.so.0; "
        "install with: sudo apt-get install -y libxcb-cursor0\n"
    )


@pytest.mark.parametrize(
    ("variable", "value"), [("QT_QPA_PLATFORM", "offscreen"), ("WAYLAND_DISPLAY", "wayland-0")]
)
def test_other_screens_need_no_xcb_library(
    variable: str, value: str, desktop: pytest.MonkeyPatch
) -> None:
    without(desktop, "libxcb-cursor.so.0")
    desktop.setenv(variable, value)
    assert system_packages.screen_problem() == ""


def test_qt_needs_its_own_libraries_on_every_screen(desktop: pytest.MonkeyPatch) -> None:
    without(desktop, "libEGL.so.1")
    desktop.setenv("QT_QPA_PLATFORM", "offscreen")
    assert "libegl1" in system_packages.screen_problem()


def test_without_a_screen_the_demonstration_is_named(desktop: pytest.MonkeyPatch) -> None:
    desktop.delenv("DISPLAY")
    assert "parley demo" in system_packages.screen_problem()


def test_other_platforms_bring_all_of_it(desktop: pytest.MonkeyPatch) -> None:
    without(desktop, "libEGL.so.1")
    desktop.setattr(system_packages.sys, "platform", "darwin")
    assert system_packages.screen_problem() == ""
