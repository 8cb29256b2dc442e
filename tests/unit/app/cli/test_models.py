"""``parley models``: what it prints and how it ends."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import pytest

from app.cli import models as cli_models
from model.catalog import catalog
from model.store.hub import HubStore
from model.store.hub_client import HuggingFaceHub
from model.store.manifest import load_repositories
from model.store.models import LocalModels, ModelStore
from model.store.packages import WeightStore
from model.types import FetchProgress
from tests.fakes.hub_server import HubRepo, HubServer
from tests.fakes.manifests import parse_weights
from tests.fakes.vita_layout import write_layout

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
    made = WeightStore(tmp_path, parse_weights(document, "t"))
    hub = HubStore(tmp_path, load_repositories())
    model_store = ModelStore(made, hub, LocalModels(tmp_path / "config" / "local.json"))
    monkeypatch.setattr(cli_models, "default_model_store", lambda _mirror: model_store)
    large = tuple(entry for entry in catalog() if not entry.weights)
    monkeypatch.setattr(cli_models, "catalog", lambda: large)
    (tmp_path / "a.bin").write_bytes(CONTENT)
    monkeypatch.setenv("PARLEY_OFFLINE", "1")
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
        "parley models: second: not fetched, because no connection may be made: "
        "PARLEY_OFFLINE=1 is set\n"
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


# -- large models ------------------------------------------------------------------------------


def test_list_shows_every_large_model_with_the_reason_it_does_not_run(
    store: WeightStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    (repository,) = (line for line in lines if line.startswith("boost-language-model"))
    assert "20.6" in repository
    assert "VITA-MLLM/VITA-Audio-Boost" in repository
    assert "unclear" in repository
    (model,) = (line for line in lines if line.startswith("vita-audio-plus-vanilla"))
    assert " no " in model
    assert "not downloaded, 16.5 GB" in model or "not installed" in model


def test_a_model_is_fetched_by_its_name_as_all_its_repositories(
    store: WeightStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("get", "vita-audio-boost") == 1
    said = capsys.readouterr().err
    assert "boost-language-model, glm-4-voice-tokenizer, glm-4-voice-decoder" in said
    assert said.count("\n") == 1


def test_a_folder_is_added_checked_and_forgotten(
    store: WeightStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_layout(tmp_path / "mine")
    assert run("add", str(folder), "--name", "tiny") == 0
    assert "local:tiny: added" in capsys.readouterr().out
    assert run("list") == 0
    assert "local:tiny" in capsys.readouterr().out
    assert run("check", "tiny") == 0
    assert capsys.readouterr().out == "local:tiny: ok\n"
    (folder / "generation_config.json").unlink()
    (folder / "modeling.py").write_text("x = 1")
    assert run("check", "local:tiny") == 1
    missing, unexpected = capsys.readouterr().out.splitlines()
    assert "generation_config.json is missing" in missing
    assert "modeling.py is not used" in unexpected
    assert run("remove", "tiny") == 0
    assert capsys.readouterr().out == "local:tiny: forgotten; the folder stays\n"
    assert folder.is_dir()
    assert run("check", "local:tiny") == 1


def test_a_folder_that_holds_no_model_is_refused(
    store: WeightStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", str(tmp_path)) == 1
    assert "is this a VITA-Audio model" in capsys.readouterr().err


def test_the_mirror_is_the_words_then_the_environments_then_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    settings = tmp_path / "config" / "settings.toml"
    settings.write_text('[model]\nhub_mirror = "https://set.example"\n')

    def address(mirror: str = "") -> str:
        return str(cli_models.default_model_store(mirror).hub.client._endpoint)

    assert address() == "https://set.example"
    monkeypatch.setenv("PARLEY_HUB_MIRROR", "https://env.example/")
    assert address() == "https://env.example"
    assert address("https://word.example") == "https://word.example"


def test_a_model_comes_from_a_hub_is_checked_and_removed(
    store: WeightStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the speech-lm extra is not installed")
    model_store = cli_models.default_model_store("")
    monkeypatch.delenv("PARLEY_OFFLINE")
    files = {"config.yaml": b"a: 1", "flow.pt": bytes(5000), "hift.pt": bytes(300)}
    with HubServer({"THUDM/glm-4-voice-decoder": HubRepo(files)}) as server:
        model_store.hub.client = HuggingFaceHub(server.address)
        assert run("get", "glm-4-voice-decoder") == 0
        hub.close_session()
        commit = server.repos["THUDM/glm-4-voice-decoder"].commit
    said = capsys.readouterr()
    assert "1 weights (0 MB) are in" in said.out
    assert "glm-4-voice-decoder: 100%" in said.err
    assert run("list") == 0
    (row,) = (x for x in capsys.readouterr().out.splitlines() if x.startswith("glm-4-voice-deco"))
    assert row.split()[2:4] == ["yes", commit[:10]]
    assert run("check", "glm-4-voice-decoder") == 0
    flow = tmp_path / "vita-audio" / "glm-4-voice-decoder" / "flow.pt"
    flow.write_bytes(bytes([1]) + bytes(4999))
    assert run("check") == 1
    assert "flow.pt differs from the checksum of commit" in capsys.readouterr().out
    assert run("remove", "glm-4-voice-decoder") == 0
    assert not flow.exists()
