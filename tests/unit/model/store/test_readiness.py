"""Whether a model can be used here is told with its reason; folders are remembered by name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from model import catalog
from model.catalog import CatalogEntry, entry
from model.errors import WeightsError
from model.store import readiness
from model.store.hub import HubStore
from model.store.manifest import load_repositories, load_weights
from model.store.models import LocalModels, ModelStore
from model.store.packages import WeightStore
from model.store.readiness import FreeMemory, free_memory
from tests.fakes.vita_layout import write_layout

GB = 1_000_000_000
CARD = FreeMemory(ram=30 * GB, gpu=24 * GB)
BOOST = "vita-audio-boost"


@pytest.fixture
def model_store(tmp_path: Path) -> ModelStore:
    folder = tmp_path / "weights"
    weights = WeightStore(folder, load_weights())
    hub = HubStore(folder, load_repositories())
    return ModelStore(weights, hub, LocalModels(tmp_path / "config" / "local.json"))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Packages that are here as far as anybody asks."""
    names = {"torch", "transformers", "huggingface_hub"}

    def find_spec(name: str) -> object:
        return SimpleNamespace() if name in names else None

    monkeypatch.setattr(readiness.importlib.util, "find_spec", find_spec)
    return names


@pytest.fixture
def fetched(model_store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_store.hub, "is_present", lambda _name: True)


def test_missing_packages_come_first(model_store: ModelStore, installed: set[str]) -> None:
    installed.remove("torch")
    found = model_store.readiness(BOOST, CARD)
    assert not found.is_ready
    assert found.reason == "torch not installed; run: python3 packaging/launch.py --speech-lm"


def test_missing_files_are_named_with_their_size(
    model_store: ModelStore, installed: set[str]
) -> None:
    found = model_store.readiness(BOOST, CARD)
    assert not found.is_ready
    assert found.reason == (
        "not downloaded, 22.5 GB are missing: parley models get vita-audio-boost"
    )
    assert "0.6 GB are missing" in model_store.readiness("cascade", CARD).reason


@pytest.mark.usefixtures("installed", "fetched")
def test_memory_decides_at_last_and_says_how_it_would_be_loaded(model_store: ModelStore) -> None:
    found = model_store.readiness(BOOST, CARD)
    assert found.is_ready
    assert "8-bit backbone" in found.reason
    small = model_store.readiness(BOOST, FreeMemory(ram=30 * GB, gpu=4 * GB))
    assert not small.is_ready
    assert "not enough memory: 4.0 GB are free on the GPU" in small.reason


@pytest.mark.usefixtures("installed", "fetched")
def test_without_a_card_it_runs_slowly_and_says_so(model_store: ModelStore) -> None:
    found = model_store.readiness(BOOST, FreeMemory(ram=64 * GB, gpu=None))
    assert found.is_ready
    assert "too slow for a conversation" in found.reason


def test_parts_that_another_model_here_needs_are_not_removed_with_a_model(
    model_store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"boost-language-model", "glm-4-voice-decoder", "glm-4-voice-tokenizer"}
    monkeypatch.setattr(model_store.hub, "is_present", lambda name: name in here)
    assert set(model_store.expand_for_removal([BOOST])) == here
    here.add("plus-vanilla-language-model")
    assert set(model_store.expand_for_removal([BOOST])) == here - {
        "glm-4-voice-decoder", "plus-vanilla-language-model",
    }  # fmt: skip
    assert model_store.expand_for_removal(["glm-4-voice-decoder"]) == ["glm-4-voice-decoder"]


@pytest.mark.usefixtures("installed")
def test_a_folder_of_ones_own_needs_its_parts(model_store: ModelStore, tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "mine")
    choice = model_store.add(folder)
    assert choice == "local:VITA-Audio-Boost"
    assert model_store.options_for(choice) == {"folder": str(folder), "name": choice}
    assert model_store.options_for("cascade") == {}
    assert "config.json: hidden_size" in model_store.readiness(choice, CARD).reason
    (folder / "config.json").unlink()
    assert not model_store.readiness(choice, CARD).is_ready


def test_every_large_model_has_files_a_size_and_a_licence() -> None:
    groups = load_repositories().groups
    large = [model for model in catalog.catalog() if model.is_heavy]
    assert [model.name for model in large] == list(groups)
    for model in large:
        least, full = model.memory_mb
        assert model.size_mb > 16_000
        assert 8_000 < least < full < 26_000
        assert "unclear" in model.licence
    assert not entry("cascade").is_heavy
    assert entry("cascade").memory_mb == (0, 0)


def test_any_folder_is_a_model_of_the_catalog() -> None:
    found: CatalogEntry = entry("local:anything")
    assert found.loader == "model.vita_audio.variants:build_local"
    assert found.is_heavy


def test_folders_are_kept_by_name_until_they_are_forgotten(tmp_path: Path) -> None:
    local = LocalModels(tmp_path / "list.json")
    assert local.all() == ()
    first = local.add(tmp_path / "My model (1)")
    assert first.name == "My-model-1"
    local.add(tmp_path / "b", "other")
    local.add(tmp_path / "c", "other")
    assert [model.name for model in local.all()] == ["My-model-1", "other"]
    assert local.named("local:other").folder == tmp_path / "c"
    local.remove("other")
    with pytest.raises(WeightsError, match="added as 'other'; added: My-model-1"):
        local.named("other")
    with pytest.raises(WeightsError, match="is no name"):
        local.add(tmp_path, "a/b")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(WeightsError, match=r"list\.json: must be an object, got \[\]; remove it"):
        local.all()


def test_the_memory_of_this_machine_is_told() -> None:
    found = free_memory()
    assert found.ram > 10_000_000
    assert found.device_kind in ("cpu", "cuda")
    assert found.n_bytes in (found.ram, found.gpu)
