"""The conversation beside other work: what is said in it, and what is counted."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from app.evaluation.busy_bench import endless_loops, run_busy, transcripts
from app.evaluation.busy_script import (
    Heard,
    Said,
    Sayings,
    busy_script,
    first_word,
    loud_room,
    recorded_sayings,
)
from app.messages.errors import BadInputError
from app.scenes.run import SceneOptions, SceneResult, run_scene
from app.scenes.scene_file import Cue, Label, RoomPlan, Scene, Utterance
from app.scenes.user_script import SpokenLine
from app.settings.settings import Settings
from model.scripted import Script
from tests.fakes.parts import fake_parts

LONG = "This is a long answer that goes on for quite a while, so that there is time to say a word."


@pytest.mark.parametrize(
    ("said", "transcript", "heard"),
    [
        ("Tell me a story", "tell me a story.", Heard.RIGHT),
        ("Tell me a story", "me a story", Heard.LOST),
        ("Tell me a story", "Sell me a story", Heard.WRONG),
        ("Tell me a story", "a story", Heard.LOST),
        ("Tell me a story", "Well, tell me a story", Heard.WRONG),
        ("Tell me a story", "", Heard.LOST),
        ("Stop", "Stop", Heard.RIGHT),
        ("Stop", "Top", Heard.WRONG),
    ],
)
def test_a_first_word_is_right_wrong_or_lost(said: str, transcript: str, heard: Heard) -> None:
    assert first_word(said, transcript) is heard


def test_the_conversation_has_every_kind_of_voice_and_lasts_as_long_as_was_asked() -> None:
    script = busy_script(10.0, loud_room(-10.0), Sayings())
    users = script.scene.users
    assert script.scene.end.at_most_s == 600.0
    assert {user.label for user in users} == {
        Label.QUESTION, Label.INTERRUPTION, Label.BACKCHANNEL, Label.STOP,
    }  # fmt: skip
    assert len(script.words) == len(users)
    assert script.scene.file(script.scene.room.impulse_response).is_file()
    listened = [
        user for user, follower in pairwise(users) if user.label is follower.label is Label.QUESTION
    ]
    assert len(listened) >= len(users) // 3, "most replies are only listened to"


def test_nobody_waits_for_ever() -> None:
    """What was lost is counted; the conversation goes on."""
    users = busy_script(10.0, RoomPlan(), Sayings()).scene.users
    assert users[0].at_s is not None
    assert all(user.patience_s for user in users[1:])
    after_stop = [b for a, b in pairwise(users) if a.label is Label.STOP]
    assert {user.after for user in after_stop} == {Cue.USER_ENDED}


def test_a_conversation_is_counted() -> None:
    script = busy_script(1.0, RoomPlan(), Sayings())
    parts = fake_parts(
        Script(replies=dict.fromkeys(range(99), LONG), transcripts=dict(enumerate(script.words, 1)))
    )

    def run(scene: Scene) -> SceneResult:
        return run_scene(scene, parts, Settings(), SceneOptions(is_virtual_time=True))

    row = run_busy(script, 0, run)
    assert row["minutes"] == 1.0
    assert row["loops"] == 0
    assert row["self_interruptions"] == 0
    assert isinstance(row["answered"], int)
    assert row["answered"] > 2
    assert row["interruptions"] == 1
    assert row["reference_shifts"] == 0


def test_loops_end_with_the_measurement() -> None:
    with endless_loops(2) as loops:
        assert [loop.poll() for loop in loops] == [None, None]
    assert all(loop.poll() is not None for loop in loops)


def write_recordings(folder: Path) -> None:
    turns = [
        {"path": f"turns_more/{n}.ogg", "kind": "complete", "lang": "en", "text": f"text {n}",
         "speaker": who, "split": split, "seconds": 3.0}
        for n, who, split in ((1, "ann", "tune"), (2, "bob", "test"), (3, "cid", "tune"))
    ]  # fmt: skip
    words = [
        {"path": "words/1.ogg", "word": "stop", "group": "stop", "lang": "en", "speaker": "ann",
         "split": "train"},
        {"path": "words/2.ogg", "word": "yes", "group": "yesno", "lang": "en", "speaker": "ann",
         "split": "train"},
    ]  # fmt: skip
    for name, rows in (("turns_more/labels.jsonl", turns), ("words/words.jsonl", words)):
        path = folder / name
        path.parent.mkdir()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "speakers.json").write_text('{"speakers": {"ann": "tune", "cid": "test"}}')


def test_recorded_voices_are_of_the_split_that_was_asked_for(tmp_path: Path) -> None:
    """The list of speakers has the last word."""
    write_recordings(tmp_path)
    tune = recorded_sayings(tmp_path, "tune")
    assert tune.interruptions == (Said("text 1", tmp_path / "turns_more/1.ogg"),)
    assert tune.stops == (Said("stop", tmp_path / "words/1.ogg"),)
    with pytest.raises(BadInputError, match=r"words\.jsonl.*split test"):
        recorded_sayings(tmp_path, "test")


def test_a_transcript_that_comes_late_is_not_lost_and_an_echo_does_not_replace_it() -> None:
    """A model that is behind writes what was said first while the reply is heard already."""
    utterance = Utterance(label=Label.QUESTION, text="x", at_s=1.0)
    lines = tuple(
        SpokenLine(i, utterance, begin_s, begin_s, begin_s + 2.0)
        for i, begin_s in enumerate((1.0, 20.0))
    )
    finals = (
        {"t_s": 9.0, "event": "transcript_final", "turn": 1, "text": "tell me"},
        {"t_s": 9.5, "event": "transcript_final", "turn": 1, "text": "tell me more"},
        {"t_s": 12.0, "event": "transcript_final", "turn": 2, "text": ""},
        {"t_s": 13.0, "event": "transcript_final", "turn": 3, "text": "of the sea"},
    )
    assert transcripts(lines, finals, 30.0) == ["tell me more", ""]
