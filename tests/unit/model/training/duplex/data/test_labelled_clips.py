from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from model.duplex.lexicon import read_lexicons
from model.duplex.outcomes import NOT_SCORED, Outcome
from model.training.duplex.data.heard_clips import ClipInfo, Heard
from model.training.duplex.data.labelled_clips import MarkedClip, read_marked, with_marked_truth
from model.training.duplex.data.pipeline import OfflineFrontEnd
from model.training.duplex.data.speech import LoudnessDetector
from model.training.duplex.errors import DataError

INFO = ClipInfo("clip", "train", "x", "en", "marked", "user", "own", 8.0, 0)
VOICED = ((1.0, 2.0), (3.0, 3.4))


def marked(folder: Path, name: str = "20251121-cut", **values: object) -> Path:
    path = folder / name
    path.mkdir(parents=True)
    label = {
        "format": 1, "kind": "cut_me_off", "marked_s": 7.0, "decision_s": 2.6, "language": "en",
        "agent": [], **values,
    }  # fmt: skip
    (path / "label.json").write_text(json.dumps(label))
    sound = np.zeros((8 * 16_000, 2), np.float32)
    for start_s, end_s in VOICED:
        first, last = round(start_s * 16_000), round(end_s * 16_000)
        sound[first:last, 0] = 0.2 * np.sin(np.arange(last - first) * 0.1)
    sf.write(path / "sound.flac", sound, 16_000)
    return folder


def labelled(folder: Path, text: str = "") -> Heard:
    (clip,) = read_marked(folder)
    return heard_of(clip, text)


class Saying:
    end_s = 0.0

    def __init__(self, text: str) -> None:
        self.partial_text = text

    def restart(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.end_s = 0.0

    def hear(self, frame) -> bool:
        self.end_s = frame.end_s
        return True

    def finish(self) -> str:
        return self.partial_text

    def guess(self) -> None:
        return None

    def ending(self) -> None:
        return None


def heard_of(clip: MarkedClip, text: str) -> Heard:
    front_end = OfflineFrontEnd(LoudnessDetector(), (lambda _: Saying(text)) if text else None)
    return with_marked_truth(clip.mark, front_end.hear(clip.scene(), INFO, 0.05), read_lexicons())


def outcome_at(heard: Heard, at_s: float) -> int:
    return int(heard.truth.outcomes[round(at_s / 0.08)])


def test_the_pause_in_which_somebody_was_cut_off_was_no_end(tmp_path: Path) -> None:
    heard = labelled(marked(tmp_path, decision_s=2.6, agent=[[2.8, 5.0]]))
    assert outcome_at(heard, 2.3) == Outcome.HOLD
    assert outcome_at(heard, 2.5) == Outcome.HOLD
    assert outcome_at(heard, 4.0) == NOT_SCORED
    assert Outcome.END_OF_TURN not in heard.truth.outcomes


def test_an_acknowledgement_that_stopped_the_reply_is_a_backchannel(tmp_path: Path) -> None:
    heard = labelled(marked(tmp_path, decision_s=3.6, agent=[[2.5, 6.0]]), "Mm-hm.")
    assert outcome_at(heard, 3.3) == Outcome.BACKCHANNEL
    assert Outcome.INTERRUPTION not in heard.truth.outcomes


def test_what_stopped_the_reply_is_left_open_where_words_do_not_tell(tmp_path: Path) -> None:
    heard = labelled(marked(tmp_path, decision_s=3.6, agent=[[2.5, 6.0]]), "Tell me more about")
    assert set(heard.truth.outcomes) == {NOT_SCORED}


def test_a_reply_stopped_without_any_voice_was_stopped_by_noise(tmp_path: Path) -> None:
    heard = labelled(marked(tmp_path, decision_s=7.5, marked_s=7.9, agent=[[4.0, 8.0]]))
    assert outcome_at(heard, 7.2) == Outcome.NOISE


def test_who_was_ignored_over_a_reply_had_interrupted(tmp_path: Path) -> None:
    heard = labelled(marked(tmp_path, kind="ignored_me", decision_s=None, agent=[[0.0, 8.0]]))
    assert outcome_at(heard, 3.3) == Outcome.INTERRUPTION
    assert outcome_at(heard, 1.5) == NOT_SCORED


def test_who_was_not_answered_had_finished(tmp_path: Path) -> None:
    heard = labelled(marked(tmp_path, kind="ignored_me", decision_s=None))
    assert outcome_at(heard, 3.3) == Outcome.HOLD
    assert outcome_at(heard, 4.5) == Outcome.END_OF_TURN


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"format": 2}, "format: must be 1, got 2"),
        ({"kind": "annoyed"}, "kind: must be one of"),
        ({"marked_s": "late"}, "marked_s: must be a time"),
        ({"agent": [[1.0]]}, r"agent\[0\]: must be a list"),
    ],
)
def test_a_bad_label_is_one_clear_line(
    tmp_path: Path, values: dict[str, object], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        list(read_marked(marked(tmp_path, **values)))


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--marked"):
        list(read_marked(tmp_path / "nowhere"))
