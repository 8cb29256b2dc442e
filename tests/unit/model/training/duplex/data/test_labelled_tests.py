from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from model.duplex.labels import LabelsError
from model.duplex.outcomes import Outcome
from model.training.duplex.data.labelled_clips import read_tests
from model.training.duplex.data.scene import truth_of


def folder_with(path: Path, kind: str, record: dict[str, object], n_channels: int) -> Path:
    (path / kind).mkdir()
    (path / kind / "labels.jsonl").write_text(json.dumps(record) + "\n")
    sf.write(path / str(record["path"]), np.zeros((8 * 16_000, n_channels), np.float32), 16_000)
    return path


def turn(*events: dict[str, object]) -> dict[str, object]:
    return {
        "id": "a", "path": "turns/a.flac", "kind": "complete", "lang": "en", "speaker": "s",
        "source_id": "c", "licence": "CC0", "events": list(events),
    }  # fmt: skip


def overlap(**more: object) -> dict[str, object]:
    return {
        "id": "b", "path": "bargein/b.flac", "category": "backchannel", "lang": "en",
        "far": {"segments": [[0.5, 6.0]]}, "events": [], **more,
    }  # fmt: skip


def outcomes(folder: Path) -> np.ndarray:
    (test,) = read_tests(folder)
    return truth_of(test.scene(), 100).outcomes


def test_a_turn_goes_on_until_its_end(tmp_path: Path) -> None:
    record = turn({"event": "speech_start", "t": 1.0}, {"event": "end_of_turn", "t": 3.0})
    found = outcomes(folder_with(tmp_path, "turns", record, 1))
    assert found[20] == Outcome.HOLD
    assert found[50] == Outcome.END_OF_TURN
    assert found[5] == found[90] == -1


def test_a_turn_that_breaks_off_has_no_end(tmp_path: Path) -> None:
    record = turn({"event": "speech_start", "t": 1.0}, {"event": "incomplete_stop", "t": 3.0})
    found = outcomes(folder_with(tmp_path, "turns", record, 1))
    assert set(found) == {-1, Outcome.HOLD}


def test_events_over_a_reply_have_their_outcomes(tmp_path: Path) -> None:
    events = [
        {"event": "user_backchannel", "onset": 1.0, "end": 1.5},
        {"event": "user_interruption", "onset": 4.0, "end": 5.0},
    ]
    found = outcomes(folder_with(tmp_path, "bargein", overlap(events=events), 2))
    assert found[15] == Outcome.BACKCHANNEL
    assert found[30] == Outcome.NOISE
    assert found[55] == Outcome.INTERRUPTION


def test_a_turn_without_a_reply_is_a_turn(tmp_path: Path) -> None:
    events = [{"event": "user_turn", "onset": 1.0, "end": 2.0}]
    record = overlap(events=events, far=None, category="near_only")
    found = outcomes(folder_with(tmp_path, "bargein", record, 2))
    assert found[20] == Outcome.HOLD
    assert found[40] == Outcome.END_OF_TURN


def test_a_bad_event_is_named(tmp_path: Path) -> None:
    record = overlap(events=[{"event": "user_interruption", "onset": -1.0, "end": 5.0}])
    with pytest.raises(LabelsError, match=r"labels.jsonl:1: events\[0\].onset"):
        read_tests(folder_with(tmp_path, "bargein", record, 2))
