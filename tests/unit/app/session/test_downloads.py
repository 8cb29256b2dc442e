"""Model files are fetched one order after the other, on one thread, and can be given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from app.messages.notices import Notice
from app.session.commands import AddModelFolder, FetchWeights, RemoveWeights, StopFetching
from app.session.downloads import Downloads
from model.errors import WeightsError
from model.types import FetchProgress, ProgressReport
from tests.fakes.clock import VirtualClock

MB = 1_000_000
PATIENCE_S = 5.0


class FakeModelFiles:
    """Files that arrive in steps of a megabyte; ``gate`` holds each fetch until it is set."""

    def __init__(self, sizes: Mapping[str, int], on_step: Callable[[], None]) -> None:
        self.sizes = dict(sizes)
        self.here: set[str] = set()
        self.problem: Exception | None = None
        self.gate = Event()
        self.gate.set()
        self.has_begun = Event()
        self._on_step = on_step

    def missing(self, names: tuple[str, ...]) -> Mapping[str, int]:
        return {name: self.sizes[name] for name in names if name not in self.here}

    def fetch(self, names: tuple[str, ...], report: ProgressReport) -> None:
        for name, size in self.missing(names).items():
            for n_done in range(0, size + 1, MB):
                self._on_step()
                report(FetchProgress(name, n_done, size))
                self.has_begun.set()
                assert self.gate.wait(PATIENCE_S)
                if self.problem is not None:
                    raise self.problem
            self.here.add(name)

    def add(self, folder: Path) -> None:
        if self.problem is not None:
            raise self.problem
        self.here.add(str(folder))

    def remove(self, name: str) -> None:
        if self.problem is not None:
            raise self.problem
        self.here.discard(name)


class Shop:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.model_store = FakeModelFiles(
            {"a": 4 * MB, "b": 4 * MB}, lambda: self.clock.advance(0.5)
        )
        self.notices: list[Notice] = []
        self.desk = Downloads(self.model_store, self.notices.append, self.clock)

    @contextmanager
    def open(self) -> Iterator[None]:
        """The desk's thread runs inside the block; all orders are done when it ends in peace."""
        thread = Thread(target=self.desk.run)
        thread.start()
        try:
            yield
            self.finish()
        finally:
            self.model_store.gate.set()
            self.desk.stop()
            thread.join(PATIENCE_S)

    def finish(self) -> None:
        """Orders are done in order: when the last one is, all are."""
        done = Event()
        shelf_remove = self.model_store.remove

        def remove(name: str) -> None:
            if name == "the last one":
                done.set()
            else:
                shelf_remove(name)

        self.model_store.remove = remove
        self.model_store.gate.set()
        self.desk.ask(RemoveWeights(("the last one",)))
        assert done.wait(PATIENCE_S)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_what_was_asked_for_arrives_and_leaves_the_list(shop: Shop) -> None:
    with shop.open():
        shop.desk.ask(FetchWeights(("a", "b")))
    assert shop.model_store.here == {"a", "b"}
    assert shop.desk.downloads == ()
    assert shop.desk.n_changes > 0
    assert shop.notices == []


def test_progress_counts_all_files_of_an_order_with_speed_and_time_left(shop: Shop) -> None:
    seen = []
    advance = shop.model_store._on_step

    def step() -> None:
        seen.extend(shop.desk.downloads)
        advance()

    shop.model_store._on_step = step
    with shop.open():
        shop.desk.ask(FetchWeights(("a", "b")))
    last = seen[-1]
    assert (last.name, last.n_done, last.n_bytes) == ("b", 7 * MB, 8 * MB)
    assert last.bytes_per_s == pytest.approx(7 * MB / 4.5, rel=0.1)
    assert last.left_s == pytest.approx(MB / last.bytes_per_s)


def test_an_order_that_is_under_way_is_not_repeated(shop: Shop) -> None:
    shop.model_store.gate.clear()
    with shop.open():
        shop.desk.ask(FetchWeights(("a",)))
        shop.desk.ask(FetchWeights(("a",)))
        assert len(shop.desk.downloads) == 1


def test_the_second_order_waits_for_the_first(shop: Shop) -> None:
    shop.model_store.gate.clear()
    with shop.open():
        shop.desk.ask(FetchWeights(("a",)))
        assert shop.model_store.has_begun.wait(PATIENCE_S)
        shop.desk.ask(FetchWeights(("b",)))
        first, second = shop.desk.downloads
        assert (first.name, second.name, second.n_bytes) == ("a", "", 0)
    assert shop.model_store.here == {"a", "b"}


def test_a_download_is_given_up_at_its_next_report(shop: Shop) -> None:
    shop.model_store.gate.clear()
    with shop.open():
        shop.desk.ask(FetchWeights(("a",)))
        assert shop.model_store.has_begun.wait(PATIENCE_S)
        shop.desk.ask(StopFetching(("a",)))
    assert shop.model_store.here == set()
    assert shop.desk.downloads == ()
    assert shop.notices == []


def test_a_download_that_was_given_up_can_be_asked_for_again(shop: Shop) -> None:
    shop.model_store.gate.clear()
    with shop.open():
        shop.desk.ask(FetchWeights(("a",)))
        assert shop.model_store.has_begun.wait(PATIENCE_S)
        shop.desk.ask(StopFetching(("a",)))
        shop.finish()
        shop.desk.ask(FetchWeights(("a",)))
    assert shop.model_store.here == {"a"}


def test_stopping_the_desk_ends_a_fetch(shop: Shop) -> None:
    shop.model_store.gate.clear()
    thread = Thread(target=shop.desk.run)
    thread.start()
    shop.desk.ask(FetchWeights(("a",)))
    assert shop.model_store.has_begun.wait(PATIENCE_S)
    shop.desk.stop()
    shop.model_store.gate.set()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    assert shop.model_store.here == set()


@pytest.mark.parametrize("problem", [WeightsError("no room;\nfree some"), OSError("unplugged")])
def test_a_failure_is_one_line_in_a_notice_and_in_the_list(shop: Shop, problem: Exception) -> None:
    shop.model_store.problem = problem
    with shop.open():
        shop.desk.ask(FetchWeights(("a",)))
        shop.finish()
        (failed,) = shop.desk.downloads
        assert failed.error == " ".join(str(problem).split())
        (notice,) = shop.notices
        assert notice.text == f"The download failed: {failed.error}."
        assert notice.action == "open_models_settings"
        shop.model_store.problem = None
        shop.desk.ask(FetchWeights(("a",)))
    assert shop.model_store.here == {"a"}
    assert shop.desk.downloads == ()


def test_a_size_that_turns_out_to_be_another_is_corrected(shop: Shop) -> None:
    seen = []

    def fetch(names: tuple[str, ...], report: ProgressReport) -> None:
        report(FetchProgress("a", MB, 5 * MB))
        seen.extend(shop.desk.downloads)

    shop.model_store.fetch = fetch
    with shop.open():
        shop.desk.ask(FetchWeights(("a", "b")))
    assert (seen[0].n_done, seen[0].n_bytes) == (MB, 9 * MB)


def test_a_folder_is_added_and_a_refusal_is_told(shop: Shop) -> None:
    with shop.open():
        shop.desk.ask(AddModelFolder("/models/mine"))
        shop.finish()
        assert shop.model_store.here == {"/models/mine"}
        assert shop.desk.n_changes > 0
        shop.model_store.problem = WeightsError("/models/none is no folder")
        shop.desk.ask(AddModelFolder("/models/none"))
    (notice,) = shop.notices
    assert notice.text == "The folder was not added: /models/none is no folder."


def test_files_are_removed_and_a_refusal_is_told(shop: Shop) -> None:
    with shop.open():
        shop.desk.ask(FetchWeights(("a",)))
        shop.desk.ask(RemoveWeights(("a",)))
        shop.finish()
        assert shop.model_store.here == set()
        shop.model_store.problem = PermissionError("in use")
        shop.desk.ask(RemoveWeights(("a",)))
    assert [notice.message for notice in shop.notices] == ["weights_not_removed"]
