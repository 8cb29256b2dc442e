"""House rules for every test: no leaked thread, no unexpected warning, no missing asset."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from model.store.packages import WeightStore, default_store

# A thread that was asked to end gets this long to do so before it counts as leaked.
JOIN_TIMEOUT_S = 2.0
REPOSITORY = Path(__file__).resolve().parents[1]

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Only with this do warnings of transformers reach the tests; without, they would differ by place.
os.environ["CI"] = "true"

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, max_examples=60)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def no_leaked_threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that leaves a thread behind; joins give threads on their way out a moment."""
    before = set(threading.enumerate())
    yield
    marker = request.node.get_closest_marker("allow_threads")
    allowed = tuple(marker.args) if marker else ()
    leaked = [
        thread
        for thread in threading.enumerate()
        if thread not in before and not thread.name.startswith(allowed or ("\0",))
    ]
    for thread in leaked:
        thread.join(JOIN_TIMEOUT_S)
    names = sorted(thread.name for thread in leaked if thread.is_alive())
    if names:
        pytest.fail(f"threads outlived the test: {', '.join(names)}")


class _WarningRecords(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def no_unexpected_warnings(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that logs WARNING or above without the marker ``allow_warnings``."""
    records = _WarningRecords()
    root = logging.getLogger()
    root.addHandler(records)
    yield
    root.removeHandler(records)
    if records.lines and not request.node.get_closest_marker("allow_warnings"):
        pytest.fail("unexpected log records:\n" + "\n".join(records.lines))


@pytest.fixture(scope="session")
def shared_dev() -> Path:
    """The folder of development recordings next to the repository."""
    folder = REPOSITORY.parent / "shared" / "audio" / "dev"
    if not folder.is_dir():
        pytest.skip(f"the development recordings are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def weight_store() -> WeightStore:
    return default_store()


@pytest.fixture(scope="session")
def weights(weight_store: WeightStore) -> Callable[[str], Path]:
    """``weights(name)`` is the file of a weight; the test is skipped when it is absent."""

    def path(name: str) -> Path:
        _skip_if_missing(weight_store, name)
        return weight_store.path(name)

    return path


def _skip_if_missing(store: WeightStore, name: str) -> None:
    if not store.is_present(name):
        pytest.skip(f"weight {name} is missing; run: parley models get {name}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs_weights"):
        store = default_store()
        for name in marker.args:
            _skip_if_missing(store, name)
