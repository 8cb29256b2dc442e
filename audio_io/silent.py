"""A back end for a machine without sound: nobody speaks and nothing is heard, but time passes.

Keeps typed conversations going where PortAudio is missing.
"""

from __future__ import annotations

from audio_io.devices import Direction
from audio_io.errors import AudioUnavailable
from audio_io.interfaces import StreamFormat, StreamRequest
from audio_io.virtual_room import VirtualRoom


class SilentBackend(VirtualRoom):
    """An empty room in real time. ``open`` says once why there is no sound."""

    def __init__(self, reason: str) -> None:
        super().__init__(is_realtime=True, keeps_recording=False)
        self._reason = reason
        self._has_complained = False

    def open(self, request: StreamRequest) -> StreamFormat:
        """Raises AudioUnavailable the first time, after starting the room's clock."""
        form = super().open(request)
        if not self._has_complained:
            self._has_complained = True
            self.start()
            raise AudioUnavailable(self._reason)
        return form

    def stalled(self, now_s: float, limit_s: float) -> Direction | None:
        """Never: there is nothing to come back."""
        del now_s, limit_s
        return None

    def last_callback_s(self) -> float:
        return self.now_s

    def restart_library(self) -> None:
        """Nothing to restart."""
