"""Keeps the sound of a conversation, only where the user switched that on.

Two channels at 16 kHz, microphone and loudspeaker, one FLAC file a session. Writes on a thread of
its own; capture only hands over copies.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from app.mailbox import Mailbox, Overflow
from audio_io.frames import ENGINE_RATE_HZ, Samples

_FRAMES = 3000  # half a minute of a busy disk


class Recorder:
    """Microphone and loudspeaker to disk while it is switched on."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.flac"
        self._frames: Mailbox[Samples] = Mailbox("recorder", _FRAMES, Overflow.DROP_OLDEST)
        self.is_on = False

    def tap(self, microphone: Samples, far: Samples, _clean: Samples) -> None:
        """Takes 10 ms; see ``audio_io.capture.Tap``."""
        if self.is_on:
            self._frames.put(np.stack([microphone, far], axis=1))

    def run(self) -> None:
        """Thread body: opens the file with the first frame."""
        file: soundfile.SoundFile | None = None
        try:
            while True:
                frames = self._frames.take_all()
                if frames and file is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    file = soundfile.SoundFile(
                        self._path, "w", ENGINE_RATE_HZ, channels=2, subtype="PCM_16"
                    )
                if frames and file is not None:
                    file.write(np.concatenate(frames))
                if self._frames.is_closed:
                    return
        finally:
            if file is not None:
                file.close()

    def close(self) -> None:
        """Lets ``run`` write what is left and return."""
        self._frames.close()
