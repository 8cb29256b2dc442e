"""The gate: every door of the program, shut."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli.parser import main
from app.engine.clock import MonotonicClock
from app.messages.notices import Notice
from app.session.commands import FetchWeights
from app.session.downloads import Downloads
from app.settings.file import save_settings
from app.settings.paths import app_paths
from app.settings.settings import Settings
from model.errors import WeightsError
from model.store.archives import download
from model.store.hub_client import HuggingFaceHub, RemoteFile
from model.store.manifest import Archive, SourceKind
from model.store.models import default_model_store
from model.store.network import NETWORK, NetworkGate

FILE = RemoteFile("config.json", 2, "", "0" * 40)
DOORS: dict[str, Callable[[Path], object]] = {
    **{
        f"archive of kind {kind}": lambda folder, kind=kind: download(
            Archive(kind, "one@1.0", file="f"), folder, lambda _done, _total: None
        )
        for kind in SourceKind
    },
    "a hub's list of files": lambda _: HuggingFaceHub().tree("org/name", "main"),
    "a hub's file": lambda folder: HuggingFaceHub("https://hub.example").download(
        "org/name", "0" * 40, FILE, folder / "part", lambda _: None
    ),
    "weights": lambda folder: default_model_store(folder / "l").fetch(["smart-turn"], print),
    "a repository": lambda folder: default_model_store(folder / "l").fetch(
        ["boost-language-model"], print
    ),
}
COMMANDS = [
    ("models", "get"),
    ("models", "get", "smart-turn", "--hub"),
    ("models", "get", "vita-audio-boost"),
    ("models", "get", "boost-language-model", "--mirror", "https://hub.example"),
]


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """What was tried: connections of this process, and programs that might connect. No weights."""
    tried: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if is_watching and event in {"socket.connect", "socket.getaddrinfo", "subprocess.Popen"}:
            tried.append(f"{event} {arguments}")

    is_watching = True
    sys.addaudithook(hook)  # it cannot be removed again
    monkeypatch.setenv("PARLEY_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("PARLEY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PARLEY_OFFLINE", raising=False)
    yield tried
    is_watching = False
    NETWORK.obey("when I ask")


@pytest.mark.parametrize("door", DOORS)
def test_never_shuts_every_door_with_one_line(
    door: str, attempts: list[str], tmp_path: Path
) -> None:
    NETWORK.obey("never")
    with pytest.raises(WeightsError) as refused:
        DOORS[door](tmp_path)
    assert "no connection may be made: the settings say so" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert attempts == []
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize("words", COMMANDS)
def test_never_shuts_the_command_line(
    words: tuple[str, ...], attempts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    save_settings(app_paths().settings_file, Settings().with_value("privacy", "network", "never"))
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no connection may be made: the settings say so (Privacy, Network: never)" in line
    assert attempts == []


def test_never_shuts_the_downloads_of_the_window(attempts: list[str], tmp_path: Path) -> None:
    NETWORK.obey("never")
    told: list[Notice] = []
    downloads = Downloads(default_model_store(tmp_path / "l"), told.append, MonotonicClock())
    downloads.ask(FetchWeights(("smart-turn", "boost-language-model")))
    downloads._fetch(("smart-turn", "boost-language-model"))
    (notice,) = told
    assert notice.text.startswith("The download failed: smart-turn: not fetched, because no conn")
    assert "the settings say so" in downloads.downloads[0].error
    assert attempts == []


@pytest.mark.parametrize("words", COMMANDS)
def test_the_variable_shuts_the_command_line_whatever_the_settings_say(
    words: tuple[str, ...],
    attempts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PARLEY_OFFLINE", "1")
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no connection may be made: PARLEY_OFFLINE=1 is set" in line
    assert attempts == []


def test_the_option_shuts_one_command(
    attempts: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "get", "smart-turn", "--offline"]) == 1
    assert "--offline was given" in capsys.readouterr().err
    assert attempts == []


class Started(Exception):
    """The program that would connect was about to be started."""


def test_what_a_person_orders_may_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Started

    NETWORK.obey("when I ask")
    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(Started):
        DOORS["archive of kind wheel"](tmp_path)


def test_the_gate_opens_and_shuts() -> None:
    gate = NetworkGate()
    gate.require("anything")
    gate.obey("never")
    assert not gate.is_open
    gate.obey("when I ask")
    assert gate.is_open
