"""Keeps the sound of a conversation, only where the user switched that on.

Two channels at 16 kHz, microphone and loudspeaker, one FLAC file each time it is switched on.
Writes on a thread of its own; capture only hands over copies.
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
        self._folder = folder
        self._name = name
        self._frames: Mailbox[Samples | None] = Mailbox("recorder", _FRAMES, Overflow.DROP_OLDEST)
        self._is_on = False
        self._n_files = 0
        self._file: soundfile.SoundFile | None = None

    @property
    def is_on(self) -> bool:
        """Setting it to False ends the file at once; True begins another one."""
        return self._is_on

    @is_on.setter
    def is_on(self, is_on: bool) -> None:
        if self._is_on and not is_on:
            self._frames.put(None)
        self._is_on = is_on

    def tap(self, microphone: Samples, far: Samples, _clean: Samples) -> None:
        """Takes 10 ms; see ``audio_io.capture.Tap``."""
        if self._is_on:
            self._frames.put(np.stack([microphone, far], axis=1))

    def run(self) -> None:
        """Thread body: opens a file with the first frame."""
        try:
            while True:
                for frame in self._frames.take_all():
                    self._write(frame)
                if self._frames.is_closed:
                    return
        finally:
            self._end_file()

    def close(self) -> None:
        """Lets ``run`` write what is left and return."""
        self._frames.close()

    def _write(self, frame: Samples | None) -> None:
        if frame is None:
            self._end_file()
            return
        if self._file is None:
            self._file = self._next_file()
        self._file.write(frame)

    def _next_file(self) -> soundfile.SoundFile:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._n_files += 1
        number = "" if self._n_files == 1 else f" {self._n_files}"
        path = self._folder / f"{self._name}{number}.flac"
        return soundfile.SoundFile(path, "w", ENGINE_RATE_HZ, channels=2, subtype="PCM_16")

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
