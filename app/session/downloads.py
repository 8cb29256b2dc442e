"""Fetches and removes model files while the assistant runs, one order after the other."""

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
    """Raised where the order was withdrawn, or the program ends."""


class Downloads:
    """Takes orders on any thread; ``run`` carries them out.

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
        self._shown: dict[tuple[str, ...], DownloadInfo] = {}
        self._withdrawn: set[tuple[str, ...]] = set()

    def ask(self, command: WeightCommand) -> None:
        """Take an order; one that is already being carried out is not repeated."""
        if isinstance(command, FetchWeights | StopFetching):
            names, is_wanted = command.names, isinstance(command, FetchWeights)
            with self._lock:
                shown = self._shown.get(names)
                if is_wanted and shown is not None and not shown.error:
                    return
                (self._withdrawn.discard if is_wanted else self._withdrawn.add)(names)
            if is_wanted:
                self._show(names, DownloadInfo(names))
            elif shown is not None and shown.error:
                self._show(names, None)
        if not isinstance(command, StopFetching):
            self._orders.put(command)

    def run(self) -> None:
        """Carry out orders until ``stop``; the body of a thread."""
        while not self._orders.is_closed:
            for command in self._orders.take_all():
                if not self._orders.is_closed:
                    self._carry_out(command)
                    self.n_changes += 1

    def stop(self) -> None:
        """End; a running fetch ends at its next report, and what has arrived is kept."""
        self._orders.close()

    def _carry_out(self, command: WeightCommand) -> None:
        failed = notices.weights_not_removed
        try:
            match command:
                case RemoveWeights(names=names):
                    for name in names:
                        self._model_store.remove(name)
                case AddModelFolder(folder=folder):
                    failed = notices.folder_not_added
                    self._model_store.add(Path(folder))
                case _:
                    self._fetch(command.names)
        except (WeightsError, OSError) as error:
            self._notify(failed(reason=one_line(str(error))))

    def _fetch(self, names: tuple[str, ...]) -> None:
        try:
            self._check_wanted(names)
            meter = _Meter(names, self._model_store.missing(names), self._clock.now_s())

            def report(progress: FetchProgress) -> None:
                self._check_wanted(names)
                if progress.name != meter.info.name:
                    self.n_changes += 1
                self._show(names, meter.step(progress, self._clock.now_s()))

            self._model_store.fetch(names, report)
        except _Unwanted:
            logger.info("a download was given up")
        except (WeightsError, OSError) as error:
            reason = one_line(str(error))
            logger.info("a download failed: %s", reason)
            self._show(names, DownloadInfo(names, error=reason))
            self._notify(notices.weights_not_fetched(reason=reason))
            return
        self._show(names, None)

    def _check_wanted(self, names: tuple[str, ...]) -> None:
        with self._lock:
            is_withdrawn = names in self._withdrawn
        if is_withdrawn or self._orders.is_closed:
            raise _Unwanted

    def _show(self, names: tuple[str, ...], info: DownloadInfo | None) -> None:
        """Show how far a download is, at its place in the list; None takes it away."""
        with self._lock:
            if info is None:
                self._shown.pop(names, None)
            else:
                self._shown[names] = info
            self.downloads = tuple(self._shown.values())


class _Meter:
    """Measures how far an order is, how fast, and how long it will take."""

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
