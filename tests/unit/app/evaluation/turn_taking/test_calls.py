"""A caller's turns out of a recorded call."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from app.evaluation.turn_taking.calls import LEAD_S, TAIL_S, read_calls
from audio_io.frames import ENGINE_RATE_HZ
from model.duplex.labels import LabelsError

AGENT, CALLER = 0, 1


def call(folder: Path, *ipus: tuple[int, float, float, str], seconds: float = 30.0) -> Path:
    """The caller's side counts seconds in its samples."""
    (folder / "dialog").mkdir(exist_ok=True)
    side = np.floor(np.arange(int(seconds * ENGINE_RATE_HZ)) / ENGINE_RATE_HZ) / 100.0
    sf.write(
        folder / "dialog" / "a.flac",
        np.stack([np.zeros_like(side), side], axis=1).astype(np.float32),
        ENGINE_RATE_HZ,
    )
    labels = [{"ch": ch, "start": a, "end": b, "type": kind} for ch, a, b, kind in ipus]
    (folder / "dialog" / "a.labels.json").write_text(json.dumps({"ipus": labels}), "utf-8")
    row = {"id": "a", "path": "dialog/a.flac", "kind": "dialog_2ch", "lang": "en"}
    row |= {"labels": "dialog/a.labels.json", "channel_roles": ["agent", "caller"]}
    (folder / "manifest.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return folder


def test_a_turn_is_all_that_is_said_until_the_other_speaks(tmp_path: Path) -> None:
    turns = read_calls(
        call(
            tmp_path,
            (AGENT, 0.5, 3.0, "turn"),
            (CALLER, 4.0, 6.0, "turn"),
            (CALLER, 6.5, 8.0, "turn"),
            (AGENT, 9.0, 15.0, "turn"),
            (CALLER, 10.0, 10.3, "backchannel"),
            (CALLER, 16.0, 17.0, "turn"),
        )
    )
    first, second = turns
    (hold,) = first.truth.holds
    assert (hold.start_s, hold.end_s, hold.is_inserted) == (3.0, 3.5, False)
    assert first.truth.end_s == pytest.approx(8.0 - 4.0 + LEAD_S)
    assert first.mic[0] == pytest.approx(0.03, abs=1e-3)  # from the third second on
    assert second.truth.holds == ()
    assert len(second.mic) / ENGINE_RATE_HZ == pytest.approx(LEAD_S + 1.0 + TAIL_S)


def test_a_turn_is_not_heard_into_the_next_words_of_the_caller(tmp_path: Path) -> None:
    ipus = (
        (CALLER, 4.0, 6.0, "turn"),
        (AGENT, 6.5, 8.0, "turn"),
        (CALLER, 7.0, 7.4, "backchannel"),
    )
    (turn,) = read_calls(call(tmp_path, *ipus))
    assert turn.truth.clip_s == pytest.approx(4.0)


def test_pauses_that_are_too_short_to_decide_in_are_left_out(tmp_path: Path) -> None:
    ipus = ((CALLER, 4.0, 6.0, "turn"), (CALLER, 6.1, 8.0, "turn"))
    (turn,) = read_calls(call(tmp_path, *ipus))
    assert turn.truth.holds == ()


def test_a_folder_without_calls_has_no_turns(tmp_path: Path) -> None:
    assert read_calls(tmp_path) == ()
    (tmp_path / "manifest.jsonl").write_text('{"id": "x", "kind": "noise"}\n', encoding="utf-8")
    assert read_calls(tmp_path) == ()


@pytest.mark.parametrize("text", ["{", "[]", '{"ipus": 3}', '{"ipus": [{"start": 2, "end": 1}]}'])
def test_bad_labels_are_named(tmp_path: Path, text: str) -> None:
    folder = call(tmp_path)
    (folder / "dialog" / "a.labels.json").write_text(text, encoding="utf-8")
    with pytest.raises(LabelsError, match=r"a\.labels\.json"):
        read_calls(folder)


def test_a_call_without_a_caller_is_refused(tmp_path: Path) -> None:
    folder = call(tmp_path)
    manifest = folder / "manifest.jsonl"
    manifest.write_text(manifest.read_text("utf-8").replace("caller", "guest"), encoding="utf-8")
    with pytest.raises(LabelsError, match="channel_roles"):
        read_calls(folder)
