from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_io.frames import Samples
from model.training.data.dialogues import Dialogue
from model.training.data.mixture import read_mixture
from model.training.data.problems import DataError, Fault, Place, SkipLog
from model.training.data.samples import SampleKind
from model.training.data.statistics import survey
from model.training.data.synthesis import DataSynthesis, Synthesized
from model.training.data.voice_assignment import Utterance, VoiceAssignment
from model.types import VoicePreset

VOICES = tuple(
    VoicePreset(name, name, "en", "", gender, "hibari", "Hello.")
    for name, gender in (("ann", "female"), ("bob", "male"), ("cat", "female"))
)
DIALOGUES = [
    Dialogue(Place(Path("d"), 1), ("What time is it?", "It is noon.")),
    Dialogue(Place(Path("d"), 2), ("Hello.", "Good morning.", "How are you?", "Fine.")),
]


class Stopped(Exception):
    pass


class BeepingSpeaker:
    """A tenth of a second for each letter; stops work after so many utterances."""

    def __init__(self, most: int = 99) -> None:
        self.said: list[str] = []
        self._most = most

    def speak(self, utterance: Utterance) -> Samples:
        if len(self.said) == self._most:
            raise Stopped
        self.said.append(utterance.text)
        n_letters = sum(map(str.isalpha, utterance.text))
        return np.sin(np.arange(n_letters * 1600, dtype=np.float32) / 10)


def run(
    folder: Path,
    dialogues: list[Dialogue] | None = None,
    speakers: list[BeepingSpeaker] | None = None,
    skipped: SkipLog | None = None,
    held_out: float = 0.0,
) -> Synthesized:
    synthesis = DataSynthesis(
        folder,
        VoiceAssignment(VOICES, seed=0),
        speakers or [BeepingSpeaker()],
        SkipLog(is_told=False) if skipped is None else skipped,
    )
    return synthesis.run(dialogues or DIALOGUES, held_out=held_out)


def lines(folder: Path, name: str) -> list[dict]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_all_four_kinds_of_data_can_be_used_as_they_are(tmp_path: Path) -> None:
    made = run(tmp_path)
    report = survey(read_mixture(made.mixture), decodes=True)
    assert {share.name: share.n for share in report.kinds} == {
        SampleKind.SPEECH_TO_SPEECH: 3,
        SampleKind.RECOGNITION: 6,
        SampleKind.SYNTHESIS: 3,
        SampleKind.TEXT: 2,
    }
    assert not report.skipped
    assert (made.n_recordings, made.n_made) == (6, 6)


def test_a_spoken_answer_follows_what_was_written_before_and_learns_only_itself(
    tmp_path: Path,
) -> None:
    run(tmp_path)
    line = lines(tmp_path, "speech_to_speech.jsonl")[-1]
    assert [(m["role"], m["content"], m.get("learn", True)) for m in line["messages"][1:]] == [
        ("user", "Hello.", True),
        ("assistant", "Good morning.", False),
        ("user", "<|audio|>", True),
        ("assistant", "Fine.\n<|audio|>", True),
    ]
    assert line["messages"][0]["content"].startswith("Your Name: ")
    assert len(set(line["voices"])) == 2


def test_recordings_are_of_the_words_that_are_written(tmp_path: Path) -> None:
    run(tmp_path)
    for line in lines(tmp_path, "recognition.jsonl"):
        n_letters = sum(map(str.isalpha, line["messages"][1]["content"]))
        assert soundfile.info(tmp_path / line["audios"][0]).frames == n_letters * 1600


def test_a_run_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    stopping = BeepingSpeaker(most=3)
    with pytest.raises(Stopped):
        run(tmp_path / "killed", speakers=[stopping])
    assert len(contents(tmp_path / "killed")) == 3
    going_on = BeepingSpeaker()
    made = run(tmp_path / "killed", speakers=[going_on])
    run(tmp_path / "whole")
    assert (made.n_recordings, made.n_made) == (6, 3)
    assert not set(stopping.said) & set(going_on.said)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_many_speakers_make_the_same_folder(tmp_path: Path) -> None:
    run(tmp_path / "one")
    run(tmp_path / "many", speakers=[BeepingSpeaker() for _ in range(4)])
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


def test_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    run(tmp_path)
    before = contents(tmp_path)
    assert run(tmp_path, speakers=[BeepingSpeaker(most=0)]).n_made == 0
    assert contents(tmp_path) == before


def test_a_dialogue_in_which_nothing_can_be_said_is_left_out_and_named(tmp_path: Path) -> None:
    skipped = SkipLog(is_told=False)
    silent = Dialogue(Place(Path("d"), 3), ("Hm?", "..."))
    run(tmp_path, [*DIALOGUES, silent], skipped=skipped)
    assert [(str(entry.place), entry.reason) for entry in skipped.entries] == [
        ("d:3", "'...' cannot be spoken")
    ]
    assert len(lines(tmp_path, "text.jsonl")) == 2


def test_some_dialogues_are_held_out_and_never_learnt(tmp_path: Path) -> None:
    many = [
        Dialogue(Place(Path("d"), n), (f"Question {n}?", f"Answer {'x' * n}.")) for n in range(40)
    ]
    run(tmp_path, many, held_out=0.25)

    def answers(prefix: str) -> set[str]:
        written = lines(tmp_path, f"{prefix}text.jsonl")
        return {line["messages"][-1]["content"] for line in written}

    assert not answers("") & answers("held_out-")
    assert len(answers("") | answers("held_out-")) == 40
    assert 4 <= len(answers("held_out-")) <= 16
    report = survey(read_mixture(tmp_path / "held_out.toml"))
    assert (report.n_samples, report.skipped) == (5 * len(answers("held_out-")), ())
    run(tmp_path, many)
    assert not (tmp_path / "held_out.toml").exists()


def test_a_dialogue_without_a_voice_is_left_out_and_named(tmp_path: Path) -> None:
    skipped = SkipLog(is_told=False)
    foreign = Dialogue(Place(Path("d"), 3), ("Ça va?", "Bien."), "fr")
    run(tmp_path, [*DIALOGUES, foreign], skipped=skipped)
    assert skipped.counts == {Fault.WRONG_SHAPE: 1}


def test_a_disk_that_takes_nothing_is_one_line_and_nothing_half_written(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder would be")
    with pytest.raises(DataError, match=r"a recording cannot be written .*; make room"):
        run(blocked)
    assert [path.name for path in tmp_path.iterdir()] == ["blocked"]
