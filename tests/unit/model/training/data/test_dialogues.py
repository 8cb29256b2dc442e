from __future__ import annotations

from pathlib import Path

import pytest

from model.training.data.dialogues import read_dialogues
from model.training.data.problems import DataError, Fault, SkipLog
from tests.fakes.training_data import write_jsonl, written


def read(path: Path) -> tuple[list[tuple[str, ...]], SkipLog]:
    skipped = SkipLog(is_told=False)
    return [dialogue.turns for dialogue in read_dialogues(path, skipped)], skipped


def test_turns_and_messages_are_both_dialogues(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "d.jsonl",
        [{"turns": ["What time is it?", "It is  noon."]}, written("Hi.", "Hello.")],
    )
    assert read(path)[0] == [("What time is it?", "It is noon."), ("Hi.", "Hello.")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("d.tsv", "Who, you?\tYes, me.\n\nHi.\tHello.\n"),
        ("d.csv", '"Who, you?","Yes, me."\n\nHi.,Hello.\n'),
    ],
)
def test_two_columns_are_a_question_and_its_answer(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read(tmp_path / name)[0] == [("Who, you?", "Yes, me."), ("Hi.", "Hello.")]


def test_the_language_is_told_by_the_letters_or_stated(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "d.jsonl",
        [
            {"turns": ["现在几点了?", "中午十二点。"]},
            {"turns": ["Hi.", "Hello."]},
            {"turns": ["12", "24"]},
            {"turns": ["Salut.", "Bonjour."], "language": "fr"},
        ],
    )
    dialogues = read_dialogues(path, SkipLog(is_told=False))
    assert [dialogue.language for dialogue in dialogues] == ["zh", "en", "en", "fr"]


def test_bad_lines_are_passed_over_with_their_reason(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "d.jsonl",
        [
            {"turns": ["Hi.", "Hello."]},
            "{",
            {"turns": ["Hi."]},
            {"turns": ["Hi.", " "]},
            {"turns": ["Hi.", "<|audio|>"]},
            {"messages": [{"role": "assistant", "content": "Hello."}]},
        ],
    )
    turns, skipped = read(path)
    assert turns == [("Hi.", "Hello.")]
    assert [entry.place.line for entry in skipped.entries] == [2, 3, 4, 5, 6]
    assert skipped.counts == {Fault.WRONG_SHAPE: 3, Fault.BROKEN_LINE: 1, Fault.UNKNOWN: 1}


def test_a_third_column_is_no_dialogue(tmp_path: Path) -> None:
    path = tmp_path / "d.tsv"
    path.write_text("a\tb\tc\n")
    with pytest.raises(DataError, match=r"d\.tsv: holds no conversation: 1 samples were skipped"):
        read(path)
