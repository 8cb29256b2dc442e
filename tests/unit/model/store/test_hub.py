"""Whole repositories from a hub: pinned, resumed, checked, and refused in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec import structs

pytest.importorskip("huggingface_hub", reason="the speech-lm extra is not installed")

import huggingface_hub
from huggingface_hub import constants, file_download

from model.errors import WeightsError
from model.store import hub as hub_module
from model.store.hub import LOCK, HubStore
from model.store.hub_client import HuggingFaceHub
from model.store.manifest import HUB_FILE, Manifest, Repository, load_repositories
from model.types import FetchProgress
from tests.fakes.hub_server import HubRepo, HubServer

REPOSITORY = Path(__file__).resolve().parents[4]
CHUNK = 1 << 12
SHARD = bytes(range(256)) * 200  # 51 200 bytes: thirteen chunks
BOOST = Repository(
    name="boost",
    repo="org/Boost",
    revision="main",
    folder="models/Boost",
    n_bytes=50_000,
    licence="unclear",
    purpose="a test",
    groups=("all",),
    files=("*.safetensors", "*.json"),
    required=("config.json", "*.safetensors"),
)


class Watcher:
    """Remembers reports; gives up after ``limit`` of them where it is set."""

    def __init__(self) -> None:
        self.seen: list[FetchProgress] = []
        self.limit: int | None = None

    def __call__(self, progress: FetchProgress) -> None:
        self.seen.append(progress)
        if self.limit is not None and len(self.seen) > self.limit:
            raise KeyboardInterrupt

    @property
    def notes(self) -> list[str]:
        return [progress.note for progress in self.seen if progress.note]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    content = {
        "config.json": b'{"a": 1}',
        "model-1.safetensors": SHARD,
        "modeling.py": b"print('never')",
        "../escape.json": b"{}",
    }
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", CHUNK)
    # The library waits a second before it asks again.
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda _seconds: None))
    with HubServer({"org/Boost": HubRepo(content)}) as running:
        yield running
        huggingface_hub.close_session()


@pytest.fixture
def store(server: HubServer, tmp_path: Path) -> HubStore:
    manifest = Manifest({"boost": BOOST}, {"all": "everything"})
    return HubStore(tmp_path, manifest, HuggingFaceHub(server.address))


def shard(store: HubStore) -> Path:
    return store.path("boost") / "model-1.safetensors"


def part_sizes(store: HubStore) -> list[int]:
    return [path.stat().st_size for path in (store.path("boost") / ".partial").glob("*.part")]


def test_the_files_arrive_and_the_commit_is_kept(store: HubStore, server: HubServer) -> None:
    watcher = Watcher()
    assert store.n_bytes("boost") == 50_000
    store.fetch(["boost"], watcher)
    assert shard(store).read_bytes() == SHARD
    assert store.is_present("boost")
    lock = store.lock("boost")
    assert lock is not None
    assert lock.commit == server.repos["org/Boost"].commit
    assert store.n_bytes("boost") == len(SHARD) + 8
    assert watcher.seen[-1] == FetchProgress("boost", len(SHARD) + 8, len(SHARD) + 8)
    done = [progress.n_done for progress in watcher.seen]
    assert done == sorted(done)
    assert len(set(done)) > 10
    assert not (store.path("boost") / ".partial").exists()


def test_code_and_paths_that_lead_outside_are_never_taken(store: HubStore) -> None:
    store.fetch(["boost"], Watcher())
    names = {path.name for path in store.folder.rglob("*") if path.is_file()}
    assert names == {"config.json", "model-1.safetensors", LOCK, ".lock"}


def test_no_token_is_sent(
    store: HubStore, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    store.fetch(["boost"], Watcher())
    assert server.headers
    assert not any("authorization" in headers for headers in server.headers)


@pytest.mark.allow_warnings  # the library says that it tries again
def test_a_cut_line_is_resumed_within_one_fetch(store: HubStore, server: HubServer) -> None:
    server.cut["model-1.safetensors"] = 5 * CHUNK
    store.fetch(["boost"], Watcher())
    shards = [start for path, start in server.ranges if path == "model-1.safetensors"]
    assert shards == [0, 5 * CHUNK]
    assert store.problems("boost") == ()


def test_a_fetch_that_was_given_up_goes_on_at_its_byte(store: HubStore, server: HubServer) -> None:
    watcher = Watcher()
    watcher.limit = 6
    with pytest.raises(KeyboardInterrupt):
        store.fetch(["boost"], watcher)
    (size,) = part_sizes(store)
    assert 0 < size < len(SHARD)
    server.ranges.clear()
    store.fetch(["boost"], Watcher())
    assert server.ranges == [("model-1.safetensors", size)]
    assert shard(store).read_bytes() == SHARD


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(
    store: HubStore, server: HubServer
) -> None:
    server.garbled.add("model-1.safetensors")
    with pytest.raises(WeightsError, match=r"model-1\.safetensors: its bytes differ"):
        store.fetch(["boost"], Watcher())
    assert part_sizes(store) == []
    assert not store.is_present("boost")
    server.garbled.clear()
    store.fetch(["boost"], Watcher())
    assert store.is_present("boost")


def test_a_file_in_git_is_checked_too(store: HubStore, server: HubServer) -> None:
    server.garbled.add("config.json")
    with pytest.raises(WeightsError, match=r"config\.json: its bytes differ"):
        store.fetch(["boost"], Watcher())


def test_a_required_file_that_is_not_listed_is_named(store: HubStore, server: HubServer) -> None:
    del server.repos["org/Boost"].files["config.json"]
    with pytest.raises(WeightsError, match=r"has no file config\.json"):
        store.fetch(["boost"], Watcher())


def test_a_listed_file_that_is_not_found_is_named(store: HubStore, server: HubServer) -> None:
    server.hidden.add("model-1.safetensors")
    with pytest.raises(WeightsError, match=r"model-1\.safetensors: the hub has no such file"):
        store.fetch(["boost"], Watcher())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"repo": "org/Nothing"}, "no such repository"),
        ({"revision": "v9"}, "no such revision"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(
    store: HubStore, change: dict[str, str], said: str
) -> None:
    changed = structs.replace(BOOST, **change)
    store.manifest = Manifest({"boost": changed}, {})
    with pytest.raises(WeightsError, match=said) as caught:
        store.fetch(["boost"], Watcher())
    assert "\n" not in str(caught.value)


def test_a_hub_in_trouble_or_away_is_one_line(store: HubStore, server: HubServer) -> None:
    server.status = 418
    with pytest.raises(WeightsError, match="answered 418"):
        store.fetch(["boost"], Watcher())
    store.client = HuggingFaceHub("http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="does not answer"):
        store.fetch(["boost"], Watcher())


def test_too_little_room_is_told_before_anything_is_fetched(
    store: HubStore, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=1 << 20)
    monkeypatch.setattr(hub_module.shutil, "disk_usage", lambda _folder: usage)
    with pytest.raises(WeightsError, match=r"has 1 MiB free, 256 MiB are needed"):
        store.fetch(["boost"], Watcher())
    assert server.ranges == []


def test_a_disk_that_fills_up_is_one_line(store: HubStore) -> None:
    class FullDisk(HuggingFaceHub):
        def download(self, *_: object) -> None:
            raise OSError(28, "No space left on device")

    store.client = FullDisk(store.client._endpoint)  # type: ignore[attr-defined]
    with pytest.raises(WeightsError, match="the disk is full"):
        store.fetch(["boost"], Watcher())


def test_without_a_network_what_is_here_is_enough_and_what_is_missing_is_named(
    store: HubStore, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"boost: not fetched, .* PARLEY_OFFLINE=1 is set"):
        store.fetch(["boost"], Watcher())
    assert server.headers == []
    monkeypatch.delenv("PARLEY_OFFLINE")
    store.fetch(["boost"], Watcher())
    n_asked = len(server.headers)
    monkeypatch.setenv("PARLEY_OFFLINE", "1")
    store.fetch(["boost"], Watcher())
    assert len(server.headers) == n_asked


def test_a_change_upstream_is_told_and_not_taken(store: HubStore, server: HubServer) -> None:
    store.fetch(["boost"], Watcher())
    before = store.lock("boost")
    server.repos["org/Boost"] = HubRepo({"config.json": b"{}", "model-1.safetensors": b"new"})
    watcher = Watcher()
    store.fetch(["boost"], watcher)
    (note,) = watcher.notes
    assert "main is now" in note
    assert store.lock("boost") == before
    assert shard(store).read_bytes() == SHARD


def test_an_unanswered_question_for_changes_changes_nothing(
    store: HubStore, server: HubServer
) -> None:
    store.fetch(["boost"], Watcher())
    server.status = 418
    store.fetch(["boost"], Watcher())


def test_a_check_reads_every_byte(store: HubStore) -> None:
    assert "is missing" in store.problems("boost")[0]
    store.fetch(["boost"], Watcher())
    assert store.problems("boost") == ()
    shard(store).write_bytes(SHARD[::-1])
    assert store.is_present("boost")
    assert "differs from the checksum" in store.problems("boost")[0]
    shard(store).unlink()
    assert not store.is_present("boost")
    assert "is missing" in store.problems("boost")[0]


def test_a_damaged_lock_is_made_anew(store: HubStore) -> None:
    store.fetch(["boost"], Watcher())
    lock = store.path("boost") / LOCK
    document = json.loads(lock.read_text())
    document["files"][0]["path"] = "../../elsewhere"
    for text in ("{", json.dumps(document), "[]"):
        lock.write_text(text)
        assert not store.is_present("boost")
    store.fetch(["boost"], Watcher())
    assert store.is_present("boost")


def test_removing_takes_the_whole_folder(store: HubStore) -> None:
    assert not store.remove("boost")
    store.fetch(["boost"], Watcher())
    assert store.remove("boost")
    assert not (store.folder / "models").exists()


def test_without_the_package_one_line_says_how_to_get_it(
    store: HubStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(WeightsError, match=r"run: python3 packaging/launch\.py --speech-lm"):
        store.fetch(["boost"], Watcher())


def test_the_store_is_imported_without_the_package() -> None:
    code = (
        "import sys; import model.store.hub, app.cli.models; "
        "sys.exit(any(m in sys.modules for m in ('huggingface_hub', 'torch', 'transformers')))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)


def test_the_list_of_models_is_whole() -> None:
    manifest = load_repositories()
    for group in manifest.groups:
        repositories = manifest.in_group(group)
        assert "glm-4-voice-decoder" in {found.name for found in repositories}
    repos = {found.repo for found in manifest}
    assert "VITA-MLLM/VITA-Audio-Plus-Vanilla" in repos
    folders = [found.folder for found in manifest]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = 2", "format: must be 1"),
        (
            'folder = "vita-audio/VITA-Audio-Boost"',
            'folder = "../up"',
            "stays below the weights",
        ),
        ('repo = "VITA-MLLM/VITA-Audio-Boost"', 'repo = "Boost"', "must be owner/name"),
        ('groups = ["vita-audio-boost"]', 'groups = ["none"]', r"not in \[groups\]"),
    ],
)
def test_a_mistake_in_the_list_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = HUB_FILE.read_text(encoding="utf-8").replace(old, new, 1)
    path = tmp_path / "list.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=said):
        load_repositories(path)
