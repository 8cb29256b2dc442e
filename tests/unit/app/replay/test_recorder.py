from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
import soundfile

from app.dialogue.events import DialogueEvent, TalkPressed
from app.dialogue.state import DialogueRules, DialogueState, DialogueStepped
from app.replay.bundle import read_bundle
from app.replay.comparison import replay
from app.replay.marks import BadMoment, Mark
from app.replay.recorder import Recorder
from app.replay.writer import WatchedPredictor
from app.settings.settings import Settings
from model.duplex.predictor import TrainedDuplexPredictor
from tests.fakes.duplex import CARD, RuleNetwork, play, quiet, voice

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
        recorder.tap(FRAME, -FRAME if k == 3 else QUIET, 0.01 * (k + 1))
    run(recorder)
    sound, rate_hz = soundfile.read(tmp_path / "new folder" / "talk.flac")
    assert rate_hz == 16_000
    assert sound.shape == (800, 2)
    assert sound[0, 0] == pytest.approx(0.25, abs=1e-3)
    assert sound[480, 1] == pytest.approx(-0.25, abs=1e-3)
    assert sound[479, 1] == 0.0


def test_switched_off_it_writes_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "new folder", "talk")
    recorder.tap(FRAME, FRAME, 0.01)
    run(recorder)
    assert not (tmp_path / "new folder").exists()


def test_each_time_it_is_switched_on_is_a_file_of_its_own(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "talk")
    for n_frames in (1, 2):
        recorder.is_on = True
        for _ in range(n_frames):
            recorder.tap(FRAME, FRAME, 0.01)
        recorder.is_on = False
        recorder.tap(FRAME, FRAME, 0.01)
    run(recorder)
    lengths = {path.name: soundfile.info(path).frames for path in tmp_path.iterdir()}
    assert lengths == {"talk.flac": 160, "talk 2.flac": 320}


def test_a_frame_is_copied_when_it_is_handed_over(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "talk")
    recorder.is_on = True
    frame = FRAME.copy()
    recorder.tap(frame, QUIET, 0.01)
    frame[:] = 0.0
    run(recorder)
    sound, _ = soundfile.read(tmp_path / "talk.flac")
    assert sound[0, 0] > 0.2


def mark(at_s: float) -> Mark:
    return Mark(BadMoment.CUT_ME_OFF, "20260101-120000", at_s, None, "en", ())


def noted(recorder: Recorder, event: DialogueEvent) -> None:
    recorder.note(DialogueStepped(0.5, event, DialogueState(), DialogueRules(), ()))


def test_a_replay_is_written_beside_the_sound(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "talk", lambda: {"net": "abc"})
    recorder.is_on = True
    predictor = WatchedPredictor(
        TrainedDuplexPredictor(RuleNetwork(), CARD, {}), Settings(), recorder.note
    )
    for user, agent in play([quiet(100), voice(500), quiet(400)]):
        predictor.step(user, agent)
    recorder.tap(FRAME, QUIET, 0.01)
    run(recorder)
    bundle = read_bundle(tmp_path / "talk replay")
    assert bundle.manifest.weights == {"net": "abc"}
    assert bundle.manifest.n_frames == 100
    found = replay(bundle, lambda _settings: TrainedDuplexPredictor(RuleNetwork(), CARD, {}))
    assert found.n_predictions > 0
    assert found.difference is None
    assert (tmp_path / "talk.flac").is_file()


def test_what_came_before_the_predictor_is_no_part_of_a_replay(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "talk")
    recorder.is_on = True
    noted(recorder, TalkPressed())
    run(recorder)
    assert not list(tmp_path.iterdir())


def test_moments_that_a_slow_disk_has_lost_are_counted(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "talk")
    recorder.is_on = True
    predictor = WatchedPredictor(
        TrainedDuplexPredictor(RuleNetwork(), CARD, {}), Settings(), recorder.note
    )
    ((user, agent), *_) = play([quiet(10)])
    is_busy, may_go_on = Event(), Event()

    def take_long(_folder: Path | None, _reason: str) -> None:
        is_busy.set()
        may_go_on.wait()

    predictor.step(user, agent)
    recorder.mark(mark(0.1), take_long)
    thread = Thread(target=recorder.run)
    thread.start()
    is_busy.wait()
    for _ in range(9003):
        predictor.step(user, agent)
    may_go_on.set()
    recorder.close()
    thread.join()
    assert read_bundle(tmp_path / "talk replay").manifest.n_lost == 3


def test_a_marked_moment_is_saved_while_recording_goes_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "talk")
    recorder.is_on = True
    saved: list[Path | None] = []
    for k in range(50):
        recorder.tap(FRAME, QUIET, 0.01 * (k + 1))
    recorder.mark(mark(0.5), lambda folder, _reason: saved.append(folder))
    recorder.tap(FRAME, QUIET, 0.51)
    run(recorder)
    assert saved == [tmp_path / "20260101-120000-cut_me_off"]
    assert soundfile.info(saved[0] / "sound.flac").frames == 8000
    assert soundfile.info(tmp_path / "talk.flac").frames == 8160


def test_switching_off_forgets_the_last_seconds(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, "talk")
    recorder.is_on = True
    recorder.tap(FRAME, QUIET, 0.01)
    recorder.is_on = False
    told: list[tuple[Path | None, str]] = []
    recorder.mark(mark(0.5), lambda folder, reason: told.append((folder, reason)))
    run(recorder)
    assert told == [(None, "no sound was heard")]


def test_deleting_takes_all_that_recorders_wrote_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("keep")
    recorder = Recorder(tmp_path, "talk")
    recorder.is_on = True
    predictor = WatchedPredictor(
        TrainedDuplexPredictor(RuleNetwork(), CARD, {}), Settings(), recorder.note
    )
    for user, agent in play([quiet(50)]):
        predictor.step(user, agent)
    recorder.tap(FRAME, QUIET, 0.01)
    recorder.mark(mark(0.01), lambda _folder, _reason: None)
    told: list[str] = []
    recorder.delete_all(told.append)
    recorder.is_on = False
    run(recorder)
    assert told == [""]
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]
