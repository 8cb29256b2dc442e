"""Notices that a device is gone and brings sound back.

Pumped with a clock by whoever owns its thread; knows no threads, and nothing of what is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from audio_io.devices import Direction
from audio_io.errors import AudioError, DeviceNotFound
from audio_io.events import DeviceLost, DeviceReturned
from audio_io.interfaces import StreamFormat, StreamRequest


class RestartableBackend(Protocol):
    """What the watchdog needs of a back end with real devices."""

    def stalled(self, now_s: float, limit_s: float) -> Direction | None: ...
    def last_callback_s(self) -> float: ...
    def restart_library(self) -> None: ...
    def open(self, request: StreamRequest) -> StreamFormat: ...
    def start(self) -> None: ...


@dataclass(frozen=True, slots=True)
class WatchdogSettings:
    """How fast sound is missed and sought.

    Attributes:
        stall_s: no callback for this long means that the device is gone.
        check_s: time between two looks while all is well.
        first_retry_s: pause before the second attempt; doubles from there ...
        longest_retry_s: ... up to this, which bounds the silence after a device has returned.
    """

    stall_s: float = 1.0
    check_s: float = 0.25
    first_retry_s: float = 0.125
    longest_retry_s: float = 1.0


@dataclass(frozen=True, slots=True)
class WatchdogReport:
    """What one step found; the next one is due in ``wait_s``."""

    events: tuple[DeviceLost | DeviceReturned, ...]
    wait_s: float


class DeviceWatchdog:
    """Reopens streams with a growing pause; a named device that is gone gives way to the default.

    ``now_s`` must come from the clock of the back end.

    Attributes:
        n_losses: times a device was lost.
    """

    def __init__(
        self,
        backend: RestartableBackend,
        request: StreamRequest,
        settings: WatchdogSettings | None = None,
    ) -> None:
        self.settings = settings or WatchdogSettings()
        self.n_losses = 0
        self._backend = backend
        self._request = request
        self._lost_at_s: float | None = None
        self._retry_at_s = 0.0
        self._pause_s = 0.0

    @property
    def is_searching(self) -> bool:
        """There is no sound at the moment."""
        return self._lost_at_s is not None

    def change(self, request: StreamRequest) -> None:
        """Asks for other devices from the next reopening on."""
        self._request = request

    def step(self, now_s: float) -> WatchdogReport:
        """Looks once; may take as long as opening a device takes."""
        events: list[DeviceLost | DeviceReturned] = []
        if self._lost_at_s is None:
            which = self._backend.stalled(now_s, self.settings.stall_s)
            if which is None:
                return WatchdogReport((), self.settings.check_s)
            events.append(self._lose(which, now_s))
        if now_s >= self._retry_at_s:
            returned = self._reopen(now_s)
            if returned is not None:
                events.append(returned)
                return WatchdogReport(tuple(events), self.settings.check_s)
        return WatchdogReport(tuple(events), max(0.0, self._retry_at_s - now_s))

    def _lose(self, which: Direction, now_s: float) -> DeviceLost:
        self.n_losses += 1
        self._lost_at_s = min(now_s, self._backend.last_callback_s())
        self._retry_at_s = now_s
        self._pause_s = self.settings.first_retry_s
        return DeviceLost(which, f"the {which} stopped; looking for it")

    def _reopen(self, now_s: float) -> DeviceReturned | None:
        try:
            self._backend.restart_library()
            opened = self._open()
            self._backend.start()
        except AudioError:
            self._retry_at_s = now_s + self._pause_s
            self._pause_s = min(2.0 * self._pause_s, self.settings.longest_retry_s)
            return None
        gap_s = now_s - (self._lost_at_s if self._lost_at_s is not None else now_s)
        self._lost_at_s = None
        return DeviceReturned(f"{opened.input_name} / {opened.output_name}", gap_s)

    def _open(self) -> StreamFormat:
        wanted = self._request
        attempts = (
            wanted,
            replace(wanted, input_name=None),
            replace(wanted, output_name=None),
            replace(wanted, input_name=None, output_name=None),
        )
        for request in attempts[:-1]:
            try:
                return self._backend.open(request)
            except DeviceNotFound:
                continue
        return self._backend.open(attempts[-1])
