"""A bad moment becomes a clip with a label that a trainer can read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.dialogue.timeline import Timeline
from app.replay.marks import CLIP_S, BadMoment, Mark, MomentLog, RecentSound, write_clip

CUT = BadMoment.CUT_ME_OFF
IGNORED = BadMoment.IGNORED_ME


def sound(n_frames: int, begin_s: float = 100.0) -> RecentSound:
    """The microphone counts up, the loudspeaker is silent."""
    recent = RecentSound()
    for k in range(n_frames):
        both = np.zeros((160, 2), dtype=np.float32)
        both[:, 0] = k / 4096
        recent.add(begin_s + 0.01 * (k + 1), both)
    return recent


def mark(marked_s: float = 101.0, **rest: object) -> Mark:
    given = {"decision_s": None, "language": "en", "agent": (), **rest}
    return Mark(CUT, "20260101-120000", marked_s, **given)  # type: ignore[arg-type]


def label(folder: Path) -> dict[str, object]:
    return json.loads((folder / "label.json").read_text(encoding="utf-8"))


@pytest.fixture
def timeline() -> Timeline:
    return Timeline()


@pytest.fixture
def log(timeline: Timeline) -> MomentLog:
    log = MomentLog()
    timeline.listen(log.on_entry)
    return log


def test_a_clip_is_two_channels_and_a_label_in_its_own_time(tmp_path: Path) -> None:
    spans = ((99.0, 100.25), (100.5, 101.0))
    told = mark(decision_s=100.4, language="zh", agent=spans)
    folder = write_clip(tmp_path, told, sound(100))
    assert folder == tmp_path / "20260101-120000-cut_me_off"
    samples, rate_hz = soundfile.read(folder / "sound.flac")
    assert (samples.shape, rate_hz) == ((16_000, 2), 16_000)
    assert samples[-1, 0] == pytest.approx(99 / 4096, abs=1e-4)
    assert label(folder) == {
        "format": 1, "kind": "cut_me_off", "marked_s": 1.0, "decision_s": 0.4, "language": "zh",
        "agent": [[0.0, 0.25], [0.5, 1.0]],
    }  # fmt: skip


def test_no_more_than_twenty_seconds_are_kept() -> None:
    recent = sound(2500)
    begin_s, samples = recent.clip()
    assert len(samples) == CLIP_S * 16_000
    assert begin_s == pytest.approx(105.0)
    assert len(recent) == 2000


def test_sound_from_before_a_gap_is_left_out() -> None:
    recent = sound(50)
    recent.add(109.01, np.ones((160, 2), dtype=np.float32))
    recent.add(109.02, np.ones((160, 2), dtype=np.float32))
    begin_s, samples = recent.clip()
    assert (len(samples), begin_s) == (320, pytest.approx(109.0))


def test_two_marks_in_one_second_are_two_clips(tmp_path: Path) -> None:
    names = [write_clip(tmp_path, mark(), sound(10)).name for _ in range(2)]
    assert names == ["20260101-120000-cut_me_off", "20260101-120000-cut_me_off-2"]


def test_a_clip_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        write_clip(tmp_path / "file", mark(), sound(10))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_decision_from_before_the_clip_is_none(tmp_path: Path) -> None:
    folder = write_clip(tmp_path, mark(decision_s=99.0), sound(100))
    assert label(folder)["decision_s"] is None


def test_the_assistant_is_audible_from_start_to_end_except_while_held(
    timeline: Timeline, log: MomentLog
) -> None:
    timeline.record("assistant_speech_started", 1.0)
    timeline.record("ducked", 1.5)
    timeline.record("held", 2.0, why={})
    timeline.record("resumed", 2.5, why={})
    timeline.record("assistant_speech_ended", 4.0)
    timeline.record("assistant_speech_started", 6.0)
    told = log.mark(IGNORED, "now", 7.0, "en")
    assert told.agent == ((1.0, 2.0), (2.5, 4.0), (6.0, 7.0))


def test_a_reply_that_was_only_ducked_was_audible_all_the_time(
    timeline: Timeline, log: MomentLog
) -> None:
    timeline.record("assistant_speech_started", 1.0)
    timeline.record("resumed", 2.5, why={})
    timeline.record("assistant_speech_ended", 4.0)
    assert log.mark(IGNORED, "now", 7.0, "en").agent == ((1.0, 4.0),)


def test_being_cut_off_blames_the_latest_end_of_turn(timeline: Timeline, log: MomentLog) -> None:
    for t_s in (1.0, 5.0):
        timeline.record("end_of_turn", t_s, why={"p_end_of_turn": 0.9})
    timeline.record("resumed", 6.0, why={})
    assert log.mark(CUT, "now", 8.0, "en").decision_s == 5.0
    assert log.mark(IGNORED, "now", 8.0, "en").decision_s == 6.0


def test_a_turn_that_was_ended_by_hand_is_not_to_blame(timeline: Timeline, log: MomentLog) -> None:
    timeline.record("end_of_turn", 4.0, cause="prediction", why={})
    for cause in ("typed", "released", "owed"):
        timeline.record("end_of_turn", 5.0, cause=cause, why={})
    assert log.mark(CUT, "now", 8.0, "en").decision_s == 4.0


def test_what_is_long_over_is_not_to_blame(timeline: Timeline, log: MomentLog) -> None:
    timeline.record("end_of_turn", 1.0, why={})
    assert log.mark(CUT, "now", 21.5, "en").decision_s is None
