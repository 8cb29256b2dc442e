"""Opens the devices, notices that one is gone and brings sound back.

Pumped with a clock by whoever owns its thread.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from audio_io.buffer_policy import BufferLimits, BufferPolicy
from audio_io.devices import Direction
from audio_io.errors import AudioError, DeviceNotFound
from audio_io.events import DeviceLost, DeviceReturned
from audio_io.interfaces import AudioBackend, StreamFormat, StreamRequest

logger = logging.getLogger(__name__)

_STALL_S = 1.0  # no callback for this long means that the device is gone
_CHECK_S = 0.25  # between two looks while all is well
_FIRST_RETRY_S = 0.125  # pause before the second attempt; doubles from there ...
_LONGEST_LATENCY_MS = 240.0  # of a device's buffer: still an answer within a second
_LONGEST_RETRY_S = 1.0  # ... up to this, which bounds the silence after a device has returned


class RestartableBackend(AudioBackend, Protocol):
    """A back end with real devices, which come and go."""

    def stalled(self, now_s: float, limit_s: float) -> Direction | None:
        """Return the stream that ended or has not called back for ``limit_s``; None: all is well.

        Args:
            now_s: on the clock of the back end.
        """
        ...

    def last_callback_s(self) -> float:
        """Return when the later of the two streams last called back, on the back end's clock."""
        ...

    def restart_library(self) -> None:
        """Close everything and look again at what is plugged in. Raises AudioError."""
        ...


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

    A device that keeps losing sound is opened with a longer buffer, and after minutes of peace,
    when nothing is played, with a shorter one again.

    ``now_s`` must come from the clock of the back end.

    Attributes:
        lost_at_s: since when there is no sound; None while there is.
    """

    def __init__(self, backend: RestartableBackend, request: StreamRequest) -> None:
        self.lost_at_s: float | None = None
        self._backend = backend
        self._request = request
        self._is_asked = False
        self._retry_at_s = 0.0
        self._pause_s = 0.0
        self._n_xruns = 0  # of the present streams
        self._renew_policy()

    def change(self, request: StreamRequest) -> None:
        """Open other devices, or look for the missing ones, in the next step. Any thread."""
        self._request = request
        self._renew_policy()
        self._is_asked = True

    def begin(self, now_s: float) -> WatchdogReport:
        """Open the streams for the first time; a failure is a loss from the start."""
        try:
            self._open()
            self._backend.start()
        except AudioError as error:
            # What runs in spite of it stands in for the sound that is missing.
            report = self._failed_again(error, now_s, is_asked=False)
            return replace(report, has_opened=self._backend.is_running)
        return WatchdogReport((), _CHECK_S, has_opened=True)

    def step(self, now_s: float) -> WatchdogReport:
        """Look once; may take as long as opening a device takes."""
        if self._is_asked:
            self._is_asked = False
            return self._reopen(now_s, is_asked=True)
        if self.lost_at_s is None:
            which = self._backend.stalled(now_s, _STALL_S)
            if which is None:
                return self._fit_latency(now_s)
            since_s = min(now_s, self._backend.last_callback_s())
            lost = self._lose(which, f"the {which} stopped; looking for it", now_s, since_s)
            report = self._reopen(now_s)
            return replace(report, events=(lost, *report.events))
        if now_s >= self._retry_at_s:
            return self._reopen(now_s)
        return WatchdogReport((), self._retry_at_s - now_s)

    def _fit_latency(self, now_s: float) -> WatchdogReport:
        """Open the streams anew where their buffer should be longer, or may be shorter."""
        stats = self._backend.stats()
        n_xruns = stats.n_input_overflows + stats.n_output_underflows
        latency_ms = self._policy.take(n_xruns - self._n_xruns, now_s)
        self._n_xruns = n_xruns
        is_shorter = latency_ms < self._latency_ms
        if latency_ms == self._latency_ms or (is_shorter and self._backend.renderer.is_expecting):
            return WatchdogReport((), _CHECK_S)
        logger.info("device latency: %.0f ms instead of %.0f", latency_ms, self._latency_ms)
        try:
            self._open()
            self._backend.start()
        except AudioError as error:
            return self._failed_again(error, now_s, is_asked=False)
        return WatchdogReport((), _CHECK_S, has_opened=True)

    def _renew_policy(self) -> None:
        longest_ms = max(_LONGEST_LATENCY_MS, self._request.latency_ms)
        self._policy = BufferPolicy(BufferLimits(self._request.latency_ms, longest_ms))
        self._latency_ms = self._request.latency_ms  # of the streams that are open

    def _lose(self, which: str, message: str, now_s: float, since_s: float) -> DeviceLost:
        self.lost_at_s = since_s
        self._retry_at_s = now_s
        self._pause_s = _FIRST_RETRY_S
        return DeviceLost(which, message)

    def _reopen(self, now_s: float, *, is_asked: bool = False) -> WatchdogReport:
        try:
            self._backend.restart_library()
            opened = self._open()
            self._backend.start()
        except AudioError as error:
            return self._failed_again(error, now_s, is_asked=is_asked)
        if self.lost_at_s is None:
            return WatchdogReport((), _CHECK_S, has_opened=True)
        returned = DeviceReturned(
            f"{opened.input_name} / {opened.output_name}", max(0.0, now_s - self.lost_at_s)
        )
        self.lost_at_s = None
        return WatchdogReport((returned,), _CHECK_S, has_opened=True)

    def _failed_again(self, error: AudioError, now_s: float, *, is_asked: bool) -> WatchdogReport:
        """Tell whoever asked for the devices why there are none."""
        if self._backend.is_running:
            return WatchdogReport((DeviceLost("sound", f"{error}"),), _CHECK_S)
        events: tuple[DeviceLost, ...] = ()
        if self.lost_at_s is None:
            events = (self._lose("sound", f"{error}", now_s, now_s),)
        elif is_asked:
            events = (DeviceLost("sound", f"{error}"),)
        return WatchdogReport(events, self._pause_after_failure(now_s))

    def _pause_after_failure(self, now_s: float) -> float:
        pause_s = self._pause_s
        self._retry_at_s = now_s + pause_s
        self._pause_s = min(2.0 * pause_s, _LONGEST_RETRY_S)
        return pause_s

    def _open(self) -> StreamFormat:
        self._n_xruns = 0
        self._latency_ms = self._policy.length_ms
        wanted = replace(self._request, latency_ms=self._latency_ms)
        for defaults in ((), ("input_name",), ("output_name",)):
            request = replace(wanted, **dict.fromkeys(defaults))
            with suppress(DeviceNotFound):
                return self._backend.open(request)
        return self._backend.open(replace(wanted, input_name=None, output_name=None))
