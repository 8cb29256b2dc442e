"""The weights folder, filled from archives that a fake index serves from disk."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from model.errors import WeightsError
from model.store import packages as weights_module
from model.store.archives import ByteReport
from model.store.manifest import Archive, Weights
from model.store.packages import WeightStore
from model.types import FetchProgress
from tests.fakes.manifests import parse_weights

FIRST, SECOND = b"first half, " * 50, b"second half" * 40


@dataclass
class FakeIndex:
    """Serves archives by package; counts what was asked; may break for some requests."""

    archives: dict[str, bytes]
    n_failures: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __call__(self, archive: Archive, folder: Path, report: ByteReport) -> Path:
        self.asked.append(archive.package)
        if self.n_failures.get(archive.package, 0) > 0:
            self.n_failures[archive.package] -= 1
            raise WeightsError("the line was cut")
        if archive.package not in self.archives:
            raise WeightsError(f"no such package: {archive.package}")
        content = self.archives[archive.package]
        report(len(content) // 2, len(content))
        path = folder / "carrier.bin"
        path.write_bytes(content)
        return path


def wheel(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def sdist(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def source(*parts: tuple[str, str], kind: str = "wheel") -> dict[str, object]:
    return {"kind": kind, "parts": [{"from": package, "member": m} for package, m in parts]}


def entry(name: str, content: bytes, *sources: dict[str, object]) -> dict[str, object]:
    return {
        "name": name,
        "path": f"models/{name}.bin",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "licence": "MIT",
        "purpose": "a test",
        "groups": ["core"],
        "sources": list(sources),
    }


def manifest(*entries: dict[str, object]) -> Weights:
    return parse_weights(
        {"format": 1, "groups": {"core": "the core"}, "weight": list(entries)}, "t"
    )


TWO_PARTS = entry("joined", FIRST + SECOND, source(("one==1", "d/1.bin"), ("two==1", "d/2.bin")))
BOTH_CARRIERS = {"one==1": wheel({"d/1.bin": FIRST}), "two==1": wheel({"d/2.bin": SECOND})}


def silent(progress: FetchProgress) -> None:
    """Progress that nobody looks at."""


def leftovers(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    )


def test_parts_are_joined_in_order_and_nothing_else_stays(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, manifest(TWO_PARTS), downloader=FakeIndex(BOTH_CARRIERS))
    assert store.missing("core") == ("joined",)
    store.fetch(["joined"], silent)
    assert store.path("joined").read_bytes() == FIRST + SECOND
    assert store.missing("core") == ()
    assert store.verify("joined")
    assert leftovers(tmp_path) == ["models/joined.bin"]
    assert store.size_on_disk == len(FIRST + SECOND)


def test_progress_grows_to_the_whole_file(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, manifest(TWO_PARTS), downloader=FakeIndex(BOTH_CARRIERS))
    seen: list[FetchProgress] = []
    store.fetch(["joined"], seen.append)
    amounts = [progress.n_done for progress in seen]
    assert amounts == sorted(amounts)
    assert amounts[0] == 0
    assert amounts[-1] == seen[-1].n_bytes == len(FIRST + SECOND)


def test_a_file_that_is_there_asks_nobody(tmp_path: Path) -> None:
    index = FakeIndex(BOTH_CARRIERS)
    store = WeightStore(tmp_path, manifest(TWO_PARTS), downloader=index)
    store.fetch(["joined"], silent)
    index.asked.clear()
    store.fetch(["joined"], silent)
    assert index.asked == []


def test_a_broken_fetch_goes_on_with_the_parts_it_has(tmp_path: Path) -> None:
    index = FakeIndex({"one==1": BOTH_CARRIERS["one==1"]})
    store = WeightStore(tmp_path, manifest(TWO_PARTS), downloader=index)
    with pytest.raises(WeightsError, match="every source failed"):
        store.fetch(["joined"], silent)
    index.archives["two==1"] = BOTH_CARRIERS["two==1"]
    index.asked.clear()
    WeightStore(tmp_path, manifest(TWO_PARTS), downloader=index).fetch(["joined"], silent)
    assert index.asked == ["two==1"]
    assert store.verify("joined")


def test_fetching_something_else_keeps_the_parts_of_a_broken_fetch(tmp_path: Path) -> None:
    listing = manifest(TWO_PARTS, entry("other", FIRST, source(("three==1", "m"))))
    index = FakeIndex({"one==1": BOTH_CARRIERS["one==1"], "three==1": wheel({"m": FIRST})})
    store = WeightStore(tmp_path, listing, downloader=index)
    with pytest.raises(WeightsError):
        store.fetch(["joined"], silent)
    (tmp_path / ".partial" / "archive-left-by-a-killed-process").mkdir()
    (tmp_path / ".partial" / ".00.part.a1b2c3d4.new").touch()
    store.fetch(["other"], silent)
    index.archives["two==1"] = BOTH_CARRIERS["two==1"]
    index.asked.clear()
    store.fetch(["joined"], silent)
    assert index.asked == ["two==1"]
    assert not (tmp_path / ".partial").exists()


def test_a_cut_line_is_tried_again(tmp_path: Path) -> None:
    index = FakeIndex(BOTH_CARRIERS, n_failures={"one==1": 1})
    store = WeightStore(tmp_path, manifest(TWO_PARTS), downloader=index)
    store.fetch(["joined"], silent)
    assert index.asked == ["one==1", "one==1", "two==1"]


def test_wrong_bytes_are_never_kept(tmp_path: Path) -> None:
    carriers = {**BOTH_CARRIERS, "two==1": wheel({"d/2.bin": b"x" * len(SECOND)})}
    store = WeightStore(tmp_path, manifest(TWO_PARTS), downloader=FakeIndex(carriers))
    with pytest.raises(WeightsError, match=r"joined: every source failed.*SHA-256"):
        store.fetch(["joined"], silent)
    assert leftovers(tmp_path) == []


def test_the_next_source_serves_when_the_first_is_wrong(tmp_path: Path) -> None:
    both = entry("a", FIRST, source(("bad==1", "m")), source(("good==1", "good-1/m"), kind="sdist"))
    index = FakeIndex({"bad==1": wheel({"m": SECOND}), "good==1": sdist({"good-1/m": FIRST})})
    store = WeightStore(tmp_path, manifest(both), downloader=index)
    notes: list[str] = []
    store.fetch(["a"], lambda progress: notes.append(progress.note))
    assert store.verify("a")
    assert any("wheel bad==1" in note for note in notes)


def test_one_archive_serves_all_files_that_travel_together(tmp_path: Path) -> None:
    listing = manifest(
        entry("a", FIRST, source(("both==1", "a"))), entry("b", SECOND, source(("both==1", "b")))
    )
    index = FakeIndex({"both==1": wheel({"a": FIRST, "b": SECOND})})
    store = WeightStore(tmp_path, listing, downloader=index)
    store.fetch(["a", "b"], silent)
    assert index.asked == ["both==1"]
    assert store.verify("a")
    assert store.verify("b")


@pytest.mark.parametrize("pack", [wheel, sdist])
def test_member_names_never_become_paths(tmp_path: Path, pack: object) -> None:
    evil = "../../evil.bin"
    assert callable(pack)
    folder = tmp_path / "deep" / "weights"
    index = FakeIndex({"p==1": pack({evil: FIRST, "../other.bin": SECOND})})
    store = WeightStore(
        folder, manifest(entry("a", FIRST, source(("p==1", evil)))), downloader=index
    )
    store.fetch(["a"], silent)
    assert leftovers(folder) == ["models/a.bin"]
    assert [path.name for path in tmp_path.rglob("*.bin")] == ["a.bin"]


def test_a_link_in_a_source_archive_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(FIRST)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo("m")
        info.type = tarfile.SYMTYPE
        info.linkname = str(secret)
        archive.addfile(info)
    listing = manifest(entry("a", FIRST, source(("p==1", "m"), kind="sdist")))
    store = WeightStore(tmp_path / "w", listing, downloader=FakeIndex({"p==1": buffer.getvalue()}))
    with pytest.raises(WeightsError, match="has no file 'm'"):
        store.fetch(["a"], silent)


def test_a_member_larger_than_the_weight_is_refused(tmp_path: Path) -> None:
    index = FakeIndex({"p==1": wheel({"m": FIRST * 100})})
    store = WeightStore(
        tmp_path, manifest(entry("a", FIRST, source(("p==1", "m")))), downloader=index
    )
    with pytest.raises(WeightsError, match="expected 600"):
        store.fetch(["a"], silent)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    whole = wheel({"m": FIRST})
    index = FakeIndex({"p==1": whole[: len(whole) // 2]})
    store = WeightStore(
        tmp_path, manifest(entry("a", FIRST, source(("p==1", "m")))), downloader=index
    )
    with pytest.raises(WeightsError, match="damaged"):
        store.fetch(["a"], silent)
    assert leftovers(tmp_path) == []


def test_a_damaged_file_is_found_and_fetched_again(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, manifest(TWO_PARTS), downloader=FakeIndex(BOTH_CARRIERS))
    store.fetch(["joined"], silent)
    store.path("joined").write_bytes(b"y" * len(FIRST + SECOND))
    assert store.is_present("joined")
    assert not store.verify("joined")
    assert store.remove("joined")
    assert not store.remove("joined")
    store.fetch(["joined"], silent)
    assert store.verify("joined")


def test_a_truncated_file_counts_as_missing(tmp_path: Path) -> None:
    store = WeightStore(tmp_path, manifest(TWO_PARTS), downloader=FakeIndex(BOTH_CARRIERS))
    store.fetch(["joined"], silent)
    store.path("joined").write_bytes(FIRST)
    with pytest.raises(WeightsError, match="parley models get joined"):
        store.require("joined")
    store.fetch(["joined"], silent)
    assert store.require("joined").read_bytes() == FIRST + SECOND


def test_without_a_network_nobody_is_asked_and_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_OFFLINE", "1")
    index = FakeIndex(BOTH_CARRIERS)
    store = WeightStore(tmp_path / "weights", manifest(TWO_PARTS), downloader=index)
    with pytest.raises(WeightsError, match=r"joined: not fetched, .* PARLEY_OFFLINE=1 is set"):
        store.fetch(["joined"], silent)
    assert index.asked == []
    assert not store.folder.exists()


def test_too_little_room_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(weights_module.shutil, "disk_usage", lambda _: full)
    index = FakeIndex(BOTH_CARRIERS)
    store = WeightStore(tmp_path, manifest(TWO_PARTS), downloader=index)
    with pytest.raises(WeightsError, match="0 MiB free"):
        store.fetch(["joined"], silent)
    assert index.asked == []


def test_hub_is_asked_only_when_allowed(tmp_path: Path) -> None:
    hub = {"kind": "hub", "repo": "maker/model", "revision": "main", "file": "a.gguf"}
    listing = manifest(entry("a", FIRST, hub, source(("p==1", "m"))))
    index = FakeIndex({"p==1": wheel({"m": FIRST}), "maker/model@main": FIRST})
    WeightStore(tmp_path / "1", listing, downloader=index).fetch(["a"], silent)
    assert index.asked == ["p==1"]
    index.asked.clear()
    allowed = WeightStore(tmp_path / "2", listing, downloader=index, may_use_hub=True)
    allowed.fetch(["a"], silent)
    assert index.asked == ["maker/model@main"]
    assert allowed.verify("a")


def test_a_hub_that_fails_falls_to_the_carrier(tmp_path: Path) -> None:
    hub = {"kind": "hub", "repo": "maker/model", "revision": "main", "file": "a.gguf"}
    listing = manifest(entry("a", FIRST, hub, source(("p==1", "m"))))
    index = FakeIndex({"p==1": wheel({"m": FIRST})})
    store = WeightStore(tmp_path, listing, downloader=index, may_use_hub=True)
    store.fetch(["a"], silent)
    assert store.verify("a")
