"""A back end for a machine without sound: nobody speaks and nothing is heard, but time passes.

Keeps typed conversations going where PortAudio is missing.
"""

from __future__ import annotations

from audio_io.devices import Direction
from audio_io.errors import AudioUnavailable
from audio_io.interfaces import StreamFormat, StreamRequest
from audio_io.virtual_room import VirtualRoom


class SilentRoom(VirtualRoom):
    """An empty room in real time, of which nothing is kept."""

    def __init__(self) -> None:
        super().__init__(is_realtime=True, keeps_recording=False)


class SilentBackend(SilentRoom):
    """Runs like a sound card and says that it is none."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self._reason = reason

    def open(self, request: StreamRequest) -> StreamFormat:
        """Starts the room's clock, then raises AudioUnavailable: there is nothing to open."""
        super().open(request)
        self.start()
        raise AudioUnavailable(self._reason)

    def stalled(self, now_s: float, limit_s: float) -> Direction | None:
        """Never: there is nothing to come back."""
        del now_s, limit_s
        return None

    def last_callback_s(self) -> float:
        return self.now_s

    def restart_library(self) -> None:
        """Nothing to restart."""
