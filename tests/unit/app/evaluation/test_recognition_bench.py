from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from app.evaluation.recognition_bench import run_words
from app.evaluation.recognition_clips import read_recognition_clips
from app.messages.errors import BadInputError
from audio_io.frames import ENGINE_RATE_HZ, AudioFrame

SPLIT = {"ann": "tune", "bob": "tune", "eve": "test"}


class Parrot:
    """Writes a word by the loudness of the turn; remembers how it was fed."""

    def __init__(self) -> None:
        self.n_messages = 0
        self._peak = 0.0

    def begin(self) -> None:
        self._peak = 0.0

    def hear(self, frame: AudioFrame) -> bool:
        self.n_messages += 1
        self._peak = max(self._peak, float(np.abs(frame.samples).max()))
        return False

    def finish(self) -> str:
        return "" if self._peak < 0.01 else "Seven," if self._peak < 0.2 else "Five."


def _sound(folder: Path, name: str, peak: float) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    sf.write(folder / name, np.full(ENGINE_RATE_HZ // 2, peak, np.float32), ENGINE_RATE_HZ)
    return name


def _lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    words = [("five", "ann", 0.5), ("five", "bob", 0.1), ("seven", "eve", 0.1)]
    _lines(
        tmp_path / "words/words.jsonl",
        [
            {
                "path": _sound(tmp_path, f"words/{word}/{who}.wav", peak),
                "word": word, "group": "other", "lang": "en", "speaker": who,
            }
            for word, who, peak in words
        ],
    )  # fmt: skip
    _lines(
        tmp_path / "manifest.jsonl",
        [
            {"path": _sound(tmp_path, "noise/a.wav", 0.5), "kind": "noise", "train_ok": True},
            {"path": _sound(tmp_path, "noise/b.wav", 0.001), "kind": "noise", "train_ok": False},
            {"path": _sound(tmp_path, "x.wav", 0.5), "kind": "rir"},
        ],
    )
    turn = {"lang": "en", "corpus": "s2i", "text": "five", "speaker": "ann"}
    _lines(
        tmp_path / "turns_more/labels.jsonl",
        [
            {**turn, "path": _sound(tmp_path, "turns_more/a.wav", 0.5), "kind": "complete"},
            {**turn, "path": _sound(tmp_path, "turns_more/b.wav", 0.5), "kind": "truncated"},
        ],
    )
    (tmp_path / "speakers.json").write_text(json.dumps({"speakers": SPLIT}), encoding="utf-8")
    return tmp_path


def rows(folder: Path, split: str) -> dict[str, dict[str, object]]:
    card = run_words(folder, split, Parrot, command="parley bench words", is_quiet=True)
    return {str(row["kind"]): dict(row) for row in card.rows}


def test_errors_are_counted_by_kind_and_nobody_is_in_two_splits(recordings: Path) -> None:
    tune, test = rows(recordings, "tune"), rows(recordings, "test")
    assert tune["digits"]["error_percent"] == 50.0
    assert tune["digits"]["people"] == 2
    assert tune["command"]["clips"] == 1
    assert test["digits"]["error_percent"] == 0.0
    assert "command" not in test


def test_words_in_noise_and_invented_commas_are_counted(recordings: Path) -> None:
    tune, test = rows(recordings, "tune"), rows(recordings, "test")
    assert tune["noise"]["written"] == "1 of 1"
    assert tune["noise"]["error_percent"] is None
    assert test["noise"]["written"] == "0 of 1"
    assert tune["digits"]["comma"] == "1 of 2"


def test_noises_that_may_be_trained_on_are_not_test(recordings: Path) -> None:
    names = {
        split: [c.path.name for c in read_recognition_clips(recordings, split) if not c.text]
        for split in ("tune", "test")
    }
    assert names == {"tune": ["a.wav"], "test": ["b.wav"]}


def test_what_is_missing_or_broken_is_named(recordings: Path) -> None:
    with pytest.raises(BadInputError, match="split train"):
        read_recognition_clips(recordings, "train")
    (recordings / "words/five/ann.wav").unlink()
    with pytest.raises(BadInputError, match=r"ann\.wav"):
        read_recognition_clips(recordings, "tune")
    (recordings / "words/words.jsonl").write_text('{"path": 3}\n', encoding="utf-8")
    with pytest.raises(BadInputError, match=r"words\.jsonl:1: path"):
        read_recognition_clips(recordings, "tune")
    (recordings / "speakers.json").unlink()
    with pytest.raises(BadInputError, match=r"speakers\.json"):
        read_recognition_clips(recordings, "tune")
