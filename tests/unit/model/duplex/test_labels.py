"""Readers of labelled recordings: what they give and what they say about bad input."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.duplex.labels import (
    LabelsError,
    read_channels,
    read_noise,
    read_overlaps,
    read_turns,
)
from model.duplex.scoring import Hold, Span

TURN: dict[str, object] = {
    "id": "a",
    "path": "turns/a.flac",
    "kind": "pause_inserted",
    "lang": "en",
    "events": [
        {"event": "speech_start", "t": 0.2},
        {"event": "pause", "start": 0.5, "end": 0.9, "inserted_s": 0.4},
        {"event": "end_of_turn", "t": 1.5},
    ],
}
SCENE: dict[str, object] = {
    "id": "s",
    "path": "bargein/s.flac",
    "category": "backchannel",
    "lang": "en",
    "far": {"segments": [[0.4, 1.0], [1.2, 2.0]]},
    "events": [{"event": "user_backchannel", "onset": 0.8, "end": 1.1}],
}
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def folder_with(folder: Path, kind: str, record: object) -> Path:
    (folder / kind).mkdir(exist_ok=True)
    for name in ("a", "s"):
        (folder / kind / f"{name}.flac").touch()
    (folder / kind / "labels.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    return folder


def test_a_turn_has_its_pauses_and_its_end(tmp_path: Path) -> None:
    (clip,) = read_turns(folder_with(tmp_path, "turns", TURN))
    assert clip.truth(2.0).holds == (Hold(0.5, 0.9, is_inserted=True),)
    assert clip.start_s == 0.2
    assert clip.end_s == clip.stop_s == 1.5


def test_a_truncated_turn_stops_without_an_end(tmp_path: Path) -> None:
    events = [{"event": "incomplete_stop", "t": 1.1}]
    (clip,) = read_turns(folder_with(tmp_path, "turns", TURN | {"events": events}))
    assert clip.end_s is None
    assert clip.stop_s == 1.1


def test_a_scene_has_its_far_end_and_events(tmp_path: Path) -> None:
    (scene,) = read_overlaps(folder_with(tmp_path, "bargein", SCENE))
    assert scene.far_span == Span(0.4, 2.0)
    assert [event.event for event in scene.events] == ["user_backchannel"]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"path": "turns/none.flac"}, "path"),
        ({"lang": 3}, "lang"),
        ({"events": "none"}, "events"),
        ({"events": []}, "events"),
        ({"events": [{"event": "pause", "start": 2.0, "end": 1.0, "inserted_s": 0}]}, "end"),
        ({"events": [{"event": "end_of_turn", "t": -1.0}]}, "events[0].t"),
        ({"events": [{"event": "end_of_turn", "t": True}]}, "events[0].t"),
        ({"events": [{"event": "end_of_turn"}]}, "events[0].t"),
        ({"events": [{"event": "applause", "t": 1.0}]}, "events[0].event"),
    ],
)
def test_bad_turn_labels_give_one_line_with_file_and_key(
    tmp_path: Path, change: dict[str, object], key: str
) -> None:
    folder = folder_with(tmp_path, "turns", TURN | change)
    with pytest.raises(LabelsError) as caught:
        read_turns(folder)
    assert "labels.jsonl:1" in str(caught.value)
    assert key in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("far", [{"segments": 3}, {"segments": [[1.0]]}, "loud"])
def test_a_bad_far_end_is_named(tmp_path: Path, far: object) -> None:
    with pytest.raises(LabelsError, match="far"):
        read_overlaps(folder_with(tmp_path, "bargein", SCENE | {"far": far}))


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_file_that_is_no_list_of_objects_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "turns").mkdir()
    (tmp_path / "turns" / "labels.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(LabelsError, match=r"labels\.jsonl"):
        read_turns(tmp_path)


def more_turns(folder: Path, *changes: dict[str, object]) -> Path:
    (folder / "turns_more").mkdir()
    (folder / "turns_more" / "a.ogg").touch()
    lines = [
        json.dumps(TURN | {"path": "turns_more/a.ogg", "id": str(i)} | change)
        for i, change in enumerate(changes)
    ]
    (folder / "turns_more" / "labels.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("split", "ids"),
    [
        ("test", ["a", "2"]),
        ("tune", ["1", "3"]),
        ("train", ["0"]),
        ("train+tune", ["0", "1", "3"]),
        ("all", ["a", "0", "1", "2", "3"]),
    ],
)
def test_people_decide_which_split_a_recording_is_in(
    tmp_path: Path, split: str, ids: list[str]
) -> None:
    folder = folder_with(tmp_path, "turns", TURN | {"split": "train", "speaker": "ann"})
    more_turns(
        folder,
        {"split": "train", "speaker": "ann"},
        {"split": "tune", "speaker": "nobody knows"},
        {},
        {"split": "train", "speaker": "bob"},
    )
    speakers = {"note": "x", "speakers": {"ann": "train", "bob": "tune"}}
    (folder / "speakers.json").write_text(json.dumps(speakers), encoding="utf-8")
    assert [clip.id for clip in read_turns(folder, split)] == ids


def test_a_scene_belongs_to_the_strictest_split_of_its_people(tmp_path: Path) -> None:
    events = [
        {"event": "user_backchannel", "onset": 0.8, "end": 1.1, "speaker": name}
        for name in ("ann", "bob")
    ]
    scene = SCENE | {"path": "bargein_more/s.flac", "events": events, "split": "train"}
    folder = folder_with(tmp_path, "bargein_more", scene)
    speakers = {"speakers": {"ann": "train", "bob": "test"}}
    (folder / "speakers.json").write_text(json.dumps(speakers), encoding="utf-8")
    assert (len(read_overlaps(folder, "train")), len(read_overlaps(folder, "test"))) == (0, 1)


@pytest.mark.parametrize("content", ["[]", '{"speakers": {"ann": "dev"}}', "{"])
def test_speakers_that_cannot_be_read_are_one_line(tmp_path: Path, content: str) -> None:
    folder = folder_with(tmp_path, "turns", TURN)
    (folder / "speakers.json").write_text(content, encoding="utf-8")
    with pytest.raises(LabelsError, match=r"speakers\.json") as caught:
        read_turns(folder)
    assert "\n" not in str(caught.value)


def test_an_end_that_may_lie_inside_a_sentence_is_not_timed(tmp_path: Path) -> None:
    pause = {"event": "pause", "start": 0.5, "end": 0.9, "inserted_s": 0, "sentence_end": True}
    events = [pause, {"event": "end_of_turn", "t": 1.5}]
    changed = TURN | {"events": events, "end_sure": False}
    (clip,) = read_turns(folder_with(tmp_path, "turns", changed))
    truth = clip.truth(2.0)
    assert not truth.has_timed_end
    assert truth.scored_holds == ()
    assert len(truth.holds) == 1


def test_a_part_that_is_missing_holds_nothing(tmp_path: Path) -> None:
    assert (read_turns(tmp_path), read_overlaps(tmp_path), read_noise(tmp_path)) == ((), (), ())


def test_labels_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "bargein" / "labels.jsonl").mkdir(parents=True)
    with pytest.raises(LabelsError, match="cannot be read"):
        read_overlaps(tmp_path)


def test_noises_that_were_not_trained_on_are_held_out(tmp_path: Path) -> None:
    noise = {"event": "noise_event", "onset": 0.8, "end": 1.1, "clip": "bark"}
    folder = folder_with(tmp_path, "bargein", SCENE | {"events": [noise]})
    (folder / "noise").mkdir()
    rows = [
        {"id": "bark", "path": "noise/bark.ogg", "train_ok": True},
        {"id": "rain", "path": "noise/rain.ogg", "train_ok": True},
        {"id": "door", "path": "noise/door.ogg", "train_ok": False},
        {"id": "bell", "path": "noise/bell.ogg"},
        {"id": "talk", "path": "speech/talk.flac", "train_ok": False},
    ]
    for row in rows[:4]:
        (folder / str(row["path"])).touch()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "manifest.jsonl").write_text(lines, encoding="utf-8")
    assert {clip.name for clip in read_noise(folder)} == {"bark", "door", "bell"}
    assert {clip.name for clip in read_noise(folder, "train")} == {"rain"}
    scene = SCENE | {"path": "bargein_more/s.flac", "split": "tune"}
    folder_with(tmp_path, "bargein_more", scene | {"noise": [{"clip": "rain"}]})
    assert {clip.name for clip in read_noise(folder, "tune")} == {"rain"}
    assert read_noise(folder, "train") == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(TURN)), json_values)
def test_any_value_of_any_key_is_read_or_refused(tmp_path: Path, key: str, value: object) -> None:
    folder = folder_with(tmp_path, "turns", TURN | {key: value})
    with contextlib.suppress(LabelsError):
        assert len(read_turns(folder)) == 1


def test_recordings_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    sf.write(path, np.zeros((800, 2), np.float32), 16_000)
    assert read_channels(path, 2).shape == (2, 800)
    with pytest.raises(LabelsError, match="2 channels where 1"):
        read_channels(path, 1)
    sf.write(path, np.zeros(800, np.float32), 8000)
    with pytest.raises(LabelsError, match="8000 Hz"):
        read_channels(path, 1)
    path.write_text("no sound")
    with pytest.raises(LabelsError, match="not a readable recording"):
        read_channels(path, 1)
