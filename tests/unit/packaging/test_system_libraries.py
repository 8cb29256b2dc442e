"""The exact command for each system, and what happens without the right to run it."""

from __future__ import annotations

import pytest
import system_libraries
from environment import SetupError

from app.cli.system_packages import Need


class FakeSystem:
    """A Linux with some installer, without some libraries, used by root or by somebody else."""

    def __init__(self, absent: tuple[str, ...], program: str | None, user: int) -> None:
        self.absent = set(absent)
        self.program = program
        self.user = user
        self.installed: list[str] = []

    def install_with_apt(self, missing: list[Need]) -> None:
        self.installed += [need.name for need in missing]
        self.absent -= set(self.installed)

    def put_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(system_libraries.sys, "platform", "linux")
        monkeypatch.setattr(system_libraries.os, "geteuid", lambda: self.user)
        monkeypatch.setattr(system_libraries, "installer", lambda: self.program)
        monkeypatch.setattr(system_libraries, "is_there", lambda need: need.name not in self.absent)
        monkeypatch.setattr(system_libraries, "install_with_apt", self.install_with_apt)


def test_root_on_debian_installs_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    system = FakeSystem(("libEGL.so.1", "libportaudio.so.2"), "apt-get", user=0)
    system.put_on(monkeypatch)
    system_libraries.ensure(needs_window=True, for_tests=False)
    assert sorted(system.installed) == ["libEGL.so.1", "libportaudio.so.2"]


def test_others_get_the_command_and_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    system = FakeSystem(("libEGL.so.1",), "apt-get", user=1000)
    system.put_on(monkeypatch)
    with pytest.raises(SetupError, match="sudo apt-get install -y libegl1"):
        system_libraries.ensure(needs_window=True, for_tests=False)
    assert system.installed == []


def test_without_portaudio_the_start_goes_on_with_a_note(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    FakeSystem(("libportaudio.so.2",), "dnf", user=1000).put_on(monkeypatch)
    system_libraries.ensure(needs_window=True, for_tests=False)
    assert "sudo dnf install -y portaudio" in capsys.readouterr().out


def test_without_a_window_no_window_library_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeSystem(("libEGL.so.1", "libxcb-cursor.so.0"), "dnf", user=1000).put_on(monkeypatch)
    system_libraries.ensure(needs_window=False, for_tests=False)


@pytest.mark.parametrize(("platform", "word"), [("darwin", "brew"), ("win32", "winget")])
def test_other_platforms_get_their_own_words(platform: str, word: str) -> None:
    assert word in system_libraries.advice_without_installer(platform)
