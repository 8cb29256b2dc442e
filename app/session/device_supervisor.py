"""Opens sound, brings it back when it was lost, and lets a silent room play what cannot wait."""

import logging

from app.engine.clock import Clock
from app.engine.realtime import RealtimeEngine
from app.engine.rules import stream_request
from app.settings.settings import Settings
from audio_io.interfaces import StreamRequest
from audio_io.virtual_room import SilentRoom
from audio_io.wake import WakeSignal
from audio_io.watchdog import DeviceWatchdog

logger = logging.getLogger(__name__)

_STAND_IN_AFTER_S = 3.0  # a device that comes back at all is mostly back by then


class DeviceSupervisor:
    """Owner of the devices while it runs.

    A reply that had begun to sound waits for its device. One that has not yet (somebody typed)
    would wait for ever: after a while a silent room "plays" it, so that it can be read at the pace
    of speech. When a device comes back the rest of it is heard.
    """

    def __init__(self, engine: RealtimeEngine, watchdog: DeviceWatchdog, clock: Clock) -> None:
        """Take over the devices; the back end keeps ``clock`` for the watchdog."""
        self._engine = engine
        self._watchdog = watchdog
        self._clock = clock
        self._wake = WakeSignal()
        self._is_stopping = False
        self._room: SilentRoom | None = None
        self._has_begun = False
        self._is_reply_waiting = False

    # -- any thread ----------------------------------------------------------------------------

    def apply(self, before: Settings, now: Settings) -> None:
        """Open other streams where the settings ask for others."""
        if stream_request(now) != stream_request(before):
            self.change(stream_request(now))

    def change(self, request: StreamRequest) -> None:
        """Open other devices, or look again for the missing ones."""
        self._watchdog.change(request)
        self._wake.ring()

    def reply_waits(self, is_waiting: bool) -> None:
        """Note whether a reply has been asked for of which nothing was heard yet."""
        if is_waiting and not self._is_reply_waiting and self._watchdog.lost_at_s is not None:
            self._wake.ring()
        self._is_reply_waiting = is_waiting

    def stop(self) -> None:
        """Let ``run`` return."""
        self._is_stopping = True
        self._wake.ring()

    # -- its own thread ------------------------------------------------------------------------

    def run(self) -> None:
        """Take the watchdog's steps until ``stop``; the body of a thread."""
        try:
            while not self._is_stopping:
                self._wake.wait(self._look())
        finally:
            self._close_room()

    def _look(self) -> float:
        """Let the watchdog act; return the seconds until it should look again."""
        now_s = self._clock.now_s()
        look = self._watchdog.step if self._has_begun else self._watchdog.begin
        self._has_begun = True  # also for the thread that goes on after a failure
        report = look(now_s)
        if report.has_opened:
            form = self._engine.backend.format
            logger.info("sound: %s / %s", form.input_name, form.output_name)
            self._engine.attach_devices()
            self._close_room()
        for event in report.events:
            self._engine.post(event)
        return min(report.wait_s, self._stand_in(now_s))

    def _stand_in(self, now_s: float) -> float:
        """Return the seconds until a silent room may be needed; open one where it is now."""
        lost_at_s = self._watchdog.lost_at_s
        if lost_at_s is None or self._room is not None or not self._is_reply_waiting:
            return _STAND_IN_AFTER_S
        wait_s = lost_at_s + _STAND_IN_AFTER_S - now_s
        if wait_s > 0.0:
            return wait_s
        self._room = SilentRoom()
        self._room.start()
        self._engine.attach_playback(self._room.renderer, self._room.format.output_latency_s)
        return _STAND_IN_AFTER_S

    def _close_room(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.stop()
