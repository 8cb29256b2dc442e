from __future__ import annotations

from pathlib import Path

import pytest

from model.duplex.labels import LabelsError
from model.duplex.spotter.recorded_words import class_of, recorded_sentences, recorded_words
from tests.fakes.spotter_recordings import spotter_recordings


def test_words_are_of_people_of_the_split_only(tmp_path: Path) -> None:
    folder = spotter_recordings(tmp_path)
    assert {word.speaker for word in recorded_words(folder, "train")} == {"anna"}
    assert {word.speaker for word in recorded_words(folder, "tune")} == {"carl"}
    assert recorded_words(folder, "test") == ()


def test_who_speaks_as_the_assistant_or_has_no_split_is_nobodys_user(tmp_path: Path) -> None:
    folder = spotter_recordings(tmp_path)
    said = {
        word.word for split in ("train", "tune", "test") for word in recorded_words(folder, split)
    }
    assert not said & {"cat", "dog"}


def test_words_have_their_classes_and_others_are_speech(tmp_path: Path) -> None:
    names = {word.word: word.name for word in recorded_words(spotter_recordings(tmp_path), "train")}
    assert names == {
        "stop": "stop", "right": "right", "mm": "mm-hm", "yes": "yes", "no": "no", "bird": "speech",
    }  # fmt: skip
    assert class_of("停止") == "停下"


def test_a_word_is_cut_out_with_a_margin(tmp_path: Path) -> None:
    word = recorded_words(spotter_recordings(tmp_path), "tune")[0]
    assert len(word.samples()) == round(0.46 * 16_000)


def test_sentences_of_several_splits_are_left_out(tmp_path: Path) -> None:
    folder = spotter_recordings(tmp_path)
    assert {one.path.name for one in recorded_sentences(folder, "train")} == {"a.wav", "t.wav"}
    assert {one.path.name for one in recorded_sentences(folder, "tune")} == {"b.wav"}


def test_a_folder_without_splits_is_named(tmp_path: Path) -> None:
    folder = spotter_recordings(tmp_path)
    (folder / "speakers.json").unlink()
    with pytest.raises(LabelsError, match=r"speakers\.json: is missing"):
        recorded_words(folder, "train")
