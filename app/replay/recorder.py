"""Recording a conversation, only where the user has switched that on.

Two channels at 16 kHz, microphone and loudspeaker, go into one FLAC file each time it is switched
on; beside it go a replay bundle of what was decided, and clips of moments that the user marks.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from app.engine.bounded_queue import BoundedQueue, Overflow
from app.replay.bundle import MANIFEST
from app.replay.marks import LABEL, Mark, RecentSound, write_clip
from app.replay.writer import BundleWriter, Moment, PredictorBegan
from audio_io.frames import ENGINE_RATE_HZ, Samples

_ITEMS = 9000  # half a minute of a busy disk: sound, what the predictor saw, events
_SOUND_FILES = "*.flac"


@dataclass(frozen=True, slots=True, eq=False)
class _Sound:
    end_s: float
    both: Samples  # (160, 2)


_Job = _Sound | Moment | Callable[[], None]


class Recorder:
    """Writes on a thread of its own what others hand over; switched off it holds nothing.

    Args:
        weights: what the predictor is made of; asked once for each bundle, on the writing thread.
    """

    def __init__(
        self, folder: Path, name: str, weights: Callable[[], Mapping[str, str]] = dict[str, str]
    ) -> None:
        self._folder = folder
        self._name = name
        self._weights = weights
        self._jobs = BoundedQueue[_Job]("recorder", _ITEMS, Overflow.DROP_OLDEST)
        self._is_on = False
        self._may_write = False  # on the writing thread, where what was on its way comes too late
        self._n_files = 0
        self._file: soundfile.SoundFile | None = None
        self._bundle: BundleWriter | None = None
        self._lost_before = 0
        self._recent = RecentSound()

    @property
    def is_on(self) -> bool:
        """Return whether it records; set to False it ends the files, to True it begins others."""
        return self._is_on

    @is_on.setter
    def is_on(self, is_on: bool) -> None:
        if is_on != self._is_on:
            self._is_on = is_on
            self._jobs.put(self._begin if is_on else self._end)

    def tap(self, microphone: Samples, far: Samples, end_s: float) -> None:
        """Take 10 ms that end at ``end_s`` on the microphone's clock; keep copies."""
        if self._is_on:
            self._jobs.put(_Sound(end_s, np.stack([microphone, far], axis=1)))

    def note(self, moment: Moment) -> None:
        """Take what a replay needs; what comes before a predictor begins is of no use to it."""
        if self._is_on:
            self._jobs.put(moment)

    def mark(self, mark: Mark, report: Callable[[Path | None, str], None]) -> None:
        """Save the last seconds; ``report`` gets the folder, or None and why not, over there."""
        self._jobs.put(lambda: self._save(mark, report))

    def delete_all(self, report: Callable[[str], None]) -> None:
        """Delete everything that recorders have written; ``report`` gets why not, or ""."""
        self._jobs.put(lambda: self._delete(report))

    def run(self) -> None:
        """Write what comes until it is closed; the thread's body."""
        try:
            is_closed = False
            while not is_closed:
                is_closed = self._jobs.is_closed  # what came before that is still written
                for job in self._jobs.take_all():
                    self._do(job)
        finally:
            self._end()

    def close(self) -> None:
        """Let ``run`` write what is left and return."""
        self._jobs.close()

    def _do(self, job: _Job) -> None:
        if callable(job):
            job()
        elif self._may_write and isinstance(job, _Sound):
            self._recent.add(job.end_s, job.both)
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                path = self._folder / f"{self._current_name()}.flac"
                self._file = soundfile.SoundFile(
                    path, "w", ENGINE_RATE_HZ, channels=2, subtype="PCM_16"
                )
            self._file.write(job.both)
        elif self._may_write and not isinstance(job, _Sound):
            self._note(job)

    def _note(self, moment: Moment) -> None:
        if self._bundle is None:
            if not isinstance(moment, PredictorBegan):
                return
            folder = self._folder / f"{self._current_name()} replay"
            self._bundle = BundleWriter(folder, "conversation", self._weights())
            self._lost_before = self._jobs.stats().n_lost
        self._bundle.n_lost = self._jobs.stats().n_lost - self._lost_before
        self._bundle.take(moment)

    def _current_name(self) -> str:
        """Of the files that are open, or that will be."""
        if self._file is None and self._bundle is None:
            self._n_files += 1
        return self._name if self._n_files == 1 else f"{self._name} {self._n_files}"

    def _begin(self) -> None:
        self._may_write = True

    def _end(self) -> None:
        self._may_write = False
        self._close_files()

    def _close_files(self) -> None:
        file, self._file = self._file, None
        bundle, self._bundle = self._bundle, None
        self._recent.clear()
        if file is not None:
            file.close()
        if bundle is not None:
            bundle.close()

    def _save(self, mark: Mark, report: Callable[[Path | None, str], None]) -> None:
        if not len(self._recent):
            report(None, "no sound was heard")
            return
        try:
            report(write_clip(self._folder, mark, self._recent), "")
        except OSError as error:
            report(None, str(error))

    def _delete(self, report: Callable[[str], None]) -> None:
        """What others have put into the folder stays."""
        try:
            self._close_files()
            for path in self._folder.glob(_SOUND_FILES):
                path.unlink()
            for name in (LABEL, MANIFEST):
                for path in self._folder.glob(f"*/{name}"):
                    shutil.rmtree(path.parent)
        except OSError as error:
            report(str(error))
        else:
            report("")
