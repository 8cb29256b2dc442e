"""Fetches and removes model files while the assistant runs, one order after the other.

Knows a model_store that has or lacks files; no manifest, no network, no window.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock

from app.engine.bounded_queue import BoundedQueue, Overflow
from app.engine.clock import Clock
from app.messages import notices
from app.messages.errors import one_line
from app.messages.notices import Notice
from app.session.catalog import ModelFiles
from app.session.commands import (
    AddModelFolder,
    FetchWeights,
    RemoveWeights,
    StopFetching,
    WeightCommand,
)
from app.session.snapshot import DownloadInfo
from model.errors import WeightsError
from model.types import FetchProgress

logger = logging.getLogger(__name__)

_ORDERS = 64  # more than a person asks for before the first has arrived
_SPEED_OVER_S = 5.0  # long enough to read, short enough to follow a network that changes
_LEAST_SPAN_S = 0.5  # a speed over less than this is a guess


class _Unwanted(Exception):
    """The order was withdrawn, or the program ends."""


class Downloads:
    """Takes orders on any thread; ``run`` is the body of the thread that carries them out.

    Attributes:
        downloads: replaced as a whole; any thread may read it.
        n_changes: grows when a file arrived or was removed.
    """

    def __init__(
        self, model_store: ModelFiles, notify: Callable[[Notice], None], clock: Clock
    ) -> None:
        self.downloads: tuple[DownloadInfo, ...] = ()
        self.n_changes = 0
        self._model_store = model_store
        self._notify = notify
        self._clock = clock
        self._orders: BoundedQueue[WeightCommand] = BoundedQueue(
            "weights", _ORDERS, Overflow.REFUSE
        )
        self._lock = Lock()
        self._withdrawn: set[tuple[str, ...]] = set()

    def ask(self, command: WeightCommand) -> None:
        """An order that is already being carried out is not repeated."""
        if isinstance(command, AddModelFolder):
            self._orders.put(command)
            return
        names = command.names
        if isinstance(command, StopFetching):
            with self._lock:
                self._withdrawn.add(names)
                self.downloads = tuple(
                    shown for shown in self.downloads if shown.names != names or not shown.error
                )
            return
        if isinstance(command, FetchWeights):
            with self._lock:
                if any(d.names == names and not d.error for d in self.downloads):
                    return
                self._withdrawn.discard(names)
            self._show(DownloadInfo(names))
        self._orders.put(command)

    def run(self) -> None:
        """Thread body, until ``stop``."""
        while not self._orders.is_closed:
            for command in self._orders.take_all():
                if self._orders.is_closed:
                    return
                if isinstance(command, RemoveWeights):
                    self._remove(command.names)
                elif isinstance(command, AddModelFolder):
                    self._add(command.folder)
                else:
                    self._fetch(command.names)

    def stop(self) -> None:
        """A running fetch ends at its next report; what has arrived is kept."""
        self._orders.close()

    def _fetch(self, names: tuple[str, ...]) -> None:
        try:
            self._check_wanted(names)
            meter = _Meter(names, self._model_store.missing(names), self._clock.now_s())

            def report(progress: FetchProgress) -> None:
                self._check_wanted(names)
                if progress.name != meter.info.name:
                    self.n_changes += 1
                self._show(meter.step(progress, self._clock.now_s()))

            self._model_store.fetch(names, report)
        except _Unwanted:
            logger.info("a download was given up")
            self._drop(names)
        except (WeightsError, OSError) as error:
            reason = one_line(str(error))
            logger.info("a download failed: %s", reason)
            self._show(DownloadInfo(names, error=reason))
            self._notify(notices.weights_not_fetched(reason=reason))
        else:
            self._drop(names)
        self.n_changes += 1

    def _remove(self, names: tuple[str, ...]) -> None:
        try:
            for name in names:
                self._model_store.remove(name)
        except (WeightsError, OSError) as error:
            self._notify(notices.weights_not_removed(reason=one_line(str(error))))
        self.n_changes += 1

    def _add(self, folder: str) -> None:
        try:
            self._model_store.add(Path(folder))
        except (WeightsError, OSError) as error:
            self._notify(notices.folder_not_added(reason=one_line(str(error))))
        self.n_changes += 1

    def _check_wanted(self, names: tuple[str, ...]) -> None:
        with self._lock:
            is_withdrawn = names in self._withdrawn
        if is_withdrawn or self._orders.is_closed:
            raise _Unwanted

    def _show(self, info: DownloadInfo) -> None:
        """A download keeps its place in the list."""
        with self._lock:
            if any(shown.names == info.names for shown in self.downloads):
                self.downloads = tuple(
                    info if shown.names == info.names else shown for shown in self.downloads
                )
            else:
                self.downloads = (*self.downloads, info)

    def _drop(self, names: tuple[str, ...]) -> None:
        with self._lock:
            self.downloads = tuple(shown for shown in self.downloads if shown.names != names)


class _Meter:
    """How far an order is, how fast, and how long it will take."""

    def __init__(self, names: tuple[str, ...], missing: Mapping[str, int], now_s: float) -> None:
        self.info = DownloadInfo(names, n_bytes=sum(missing.values()))
        self._sizes = dict(missing)
        self._done = dict.fromkeys(missing, 0)
        self._seen: deque[tuple[float, int]] = deque([(now_s, 0)])

    def step(self, progress: FetchProgress, now_s: float) -> DownloadInfo:
        """Return the order's progress; the true size of a file replaces the expected one."""
        if progress.name in self._done:
            self._done[progress.name] = progress.n_done
            self._sizes[progress.name] = progress.n_bytes or self._sizes[progress.name]
        n_bytes = sum(self._sizes.values())
        total = sum(self._done.values())
        self._seen.append((now_s, total))
        while len(self._seen) > 2 and now_s - self._seen[1][0] >= _SPEED_OVER_S:
            self._seen.popleft()
        then_s, before = self._seen[0]
        span_s = now_s - then_s
        speed = max(0.0, (total - before) / span_s) if span_s >= _LEAST_SPAN_S else 0.0
        self.info = replace(
            self.info,
            name=progress.name,
            n_done=total,
            n_bytes=n_bytes,
            bytes_per_s=speed,
            left_s=(n_bytes - total) / speed if speed else None,
            note=progress.note,
        )
        return self.info
