"""Opens the devices, notices that one is gone and brings sound back.

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

    @property
    def is_running(self) -> bool: ...
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
    """What one step found; the next one is due in ``wait_s``.

    Attributes:
        has_opened: streams were opened anew: attach capture and playback to them.
    """

    events: tuple[DeviceLost | DeviceReturned, ...]
    wait_s: float
    has_opened: bool = False


class DeviceWatchdog:
    """Opens and reopens streams; a named device that is gone gives way to the default.

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
        self._is_asked = False
        self._lost_at_s: float | None = None
        self._retry_at_s = 0.0
        self._pause_s = 0.0

    @property
    def lost_at_s(self) -> float | None:
        """Since when there is no sound; None while there is."""
        return self._lost_at_s

    @property
    def is_searching(self) -> bool:
        """There is no sound at the moment."""
        return self._lost_at_s is not None

    def change(self, request: StreamRequest) -> None:
        """The next step opens other devices (or looks at once for the missing ones). Any thread."""
        self._request = request
        self._is_asked = True

    def begin(self, now_s: float) -> WatchdogReport:
        """Opens the streams for the first time; a failure is a loss from the start."""
        try:
            self._open()
            self._backend.start()
        except AudioError as error:
            if self._backend.is_running:  # it stands in for the sound that is missing
                lost = DeviceLost("sound", f"{error}")
                return WatchdogReport((lost,), self.settings.check_s, has_opened=True)
            lost = self._lose("sound", f"{error}", now_s, now_s)
            return WatchdogReport((lost,), self._pause_after_failure(now_s))
        return WatchdogReport((), self.settings.check_s, has_opened=True)

    def step(self, now_s: float) -> WatchdogReport:
        """Looks once; may take as long as opening a device takes."""
        if self._is_asked:
            self._is_asked = False
            return self._reopen(now_s, is_asked=True)
        if self._lost_at_s is None:
            which = self._backend.stalled(now_s, self.settings.stall_s)
            if which is None:
                return WatchdogReport((), self.settings.check_s)
            since_s = min(now_s, self._backend.last_callback_s())
            lost = self._lose(which, f"the {which} stopped; looking for it", now_s, since_s)
            report = self._reopen(now_s)
            return replace(report, events=(lost, *report.events))
        if now_s >= self._retry_at_s:
            return self._reopen(now_s)
        return WatchdogReport((), self._retry_at_s - now_s)

    def _lose(self, which: str, message: str, now_s: float, since_s: float) -> DeviceLost:
        self.n_losses += 1
        self._lost_at_s = since_s
        self._retry_at_s = now_s
        self._pause_s = self.settings.first_retry_s
        return DeviceLost(which, message)

    def _reopen(self, now_s: float, *, is_asked: bool = False) -> WatchdogReport:
        try:
            self._backend.restart_library()
            opened = self._open()
            self._backend.start()
        except AudioError as error:
            return self._failed_again(error, now_s, is_asked=is_asked)
        if self._lost_at_s is None:
            return WatchdogReport((), self.settings.check_s, has_opened=True)
        returned = DeviceReturned(
            f"{opened.input_name} / {opened.output_name}", max(0.0, now_s - self._lost_at_s)
        )
        self._lost_at_s = None
        return WatchdogReport((returned,), self.settings.check_s, has_opened=True)

    def _failed_again(self, error: AudioError, now_s: float, *, is_asked: bool) -> WatchdogReport:
        """Who asked for the devices is told why there are none."""
        if self._backend.is_running:
            return WatchdogReport((DeviceLost("sound", f"{error}"),), self.settings.check_s)
        events: tuple[DeviceLost, ...] = ()
        if self._lost_at_s is None:
            events = (self._lose("sound", f"{error}", now_s, now_s),)
        elif is_asked:
            events = (DeviceLost("sound", f"{error}"),)
        return WatchdogReport(events, self._pause_after_failure(now_s))

    def _pause_after_failure(self, now_s: float) -> float:
        pause_s = self._pause_s
        self._retry_at_s = now_s + pause_s
        self._pause_s = min(2.0 * pause_s, self.settings.longest_retry_s)
        return pause_s

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
