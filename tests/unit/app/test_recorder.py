from __future__ import annotations

from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import soundfile

from app.recorder import Recorder

FRAME = np.full(160, 0.25, dtype=np.float32)
QUIET = np.zeros(160, dtype=np.float32)


def run(recorder: Recorder) -> None:
    """The thread's body, to its end."""
    recorder.close()
    thread = Thread(target=recorder.run)
    thread.start()
    thread.join()


def test_microphone_and_loudspeaker_are_two_aligned_channels(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "new folder", "talk")
    recorder.is_on = True
    for k in range(5):
        recorder.tap(FRAME, -FRAME if k == 3 else QUIET, QUIET)
    run(recorder)
    sound, rate_hz = soundfile.read(tmp_path / "new folder" / "talk.flac")
    assert rate_hz == 16_000
    assert sound.shape == (800, 2)
    assert sound[0, 0] == pytest.approx(0.25, abs=1e-3)
    assert sound[480, 1] == pytest.approx(-0.25, abs=1e-3)
    assert sound[479, 1] == 0.0


def test_switched_off_it_writes_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "new folder", "talk")
    recorder.tap(FRAME, FRAME, FRAME)
    run(recorder)
    assert not (tmp_path / "new folder").exists()


def test_each_time_it_is_switched_on_is_a_file_of_its_own(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "talk")
    for n_frames in (1, 2):
        recorder.is_on = True
        for _ in range(n_frames):
            recorder.tap(FRAME, FRAME, FRAME)
        recorder.is_on = False
        recorder.tap(FRAME, FRAME, FRAME)
    run(recorder)
    lengths = {path.name: soundfile.info(path).frames for path in tmp_path.iterdir()}
    assert lengths == {"talk.flac": 160, "talk 2.flac": 320}


def test_a_frame_is_copied_when_it_is_handed_over(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "talk")
    recorder.is_on = True
    frame = FRAME.copy()
    recorder.tap(frame, QUIET, QUIET)
    frame[:] = 0.0
    run(recorder)
    sound, _ = soundfile.read(tmp_path / "talk.flac")
    assert sound[0, 0] > 0.2
