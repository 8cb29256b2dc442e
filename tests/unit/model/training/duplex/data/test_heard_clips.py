from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.duplex.frame_features import FeatureStream
from model.duplex.lexicon import read_lexicons
from model.duplex.outcomes import Outcome
from model.training.duplex.data.features import RememberedClassifier, vectors
from model.training.duplex.data.heard_clips import ClipInfo, Heard, is_kept, keep, read_info, recall
from model.training.duplex.data.pipeline import OfflineFrontEnd, audible_outcomes
from model.training.duplex.data.plan import SHARES
from model.training.duplex.data.records import DataError
from model.training.duplex.data.speech import LoudnessDetector
from tests.fakes.duplex_scenes import tone_company

INFO = ClipInfo("clip", "train", "yielded", "en", "tones", "x", "none", 3.0, 1)


class Listening:
    """A recogniser that counts what it hears."""

    partial_text = ""
    end_s = 0.0

    def begin(self) -> None:
        self.partial_text = ""

    def hear(self, frame) -> bool:
        self.end_s = frame.end_s
        self.partial_text += " word"
        return True

    def finish(self) -> str:
        return self.partial_text + "."


class Judge:
    last_inference_s = 0.0
    n_asked = 0

    def p_complete(self, samples) -> float:
        self.n_asked += 1
        return 0.7


@pytest.fixture(scope="module")
def heard() -> Heard:
    scene = SHARES["yielded"][1](tone_company(), "en", np.random.default_rng(2))
    return OfflineFrontEnd(LoudnessDetector(), lambda _: Listening()).hear(scene, INFO, 0.1)


def test_what_was_heard_comes_back_bit_for_bit(tmp_path: Path, heard: Heard) -> None:
    keep(tmp_path, heard)
    again = recall(tmp_path, "clip")
    for name in ("clean", "far", "p_speech", "is_speech", "has_converged", "is_agent_speaking"):
        assert np.array_equal(getattr(again, name), getattr(heard, name)), name
    assert again.words == heard.words
    assert again.agent_text == heard.agent_text
    assert np.array_equal(again.truth.outcomes, heard.truth.outcomes)
    assert read_info(tmp_path, "clip") == INFO
    assert is_kept(tmp_path, "clip")
    assert not list(tmp_path.glob("*.partial"))


def test_words_arrive_late_and_the_reply_is_known_word_by_word(heard: Heard) -> None:
    assert heard.words
    assert all(change.until_s < (change.frame + 1) / 100 for change in heard.words)
    lengths = [len(change.text) for change in heard.agent_text]
    assert lengths == sorted(lengths)


def test_nothing_is_asked_about_an_event_that_nobody_could_hear(heard: Heard) -> None:
    outcomes = heard.truth.outcomes
    assert Outcome.INTERRUPTION in outcomes
    assert np.array_equal(audible_outcomes(heard), outcomes)
    deaf = replace(heard, p_speech=np.zeros_like(heard.p_speech))
    silent = audible_outcomes(deaf)
    assert Outcome.INTERRUPTION not in silent
    kept = outcomes != Outcome.INTERRUPTION
    assert np.array_equal(silent[kept], outcomes[kept])


def test_damaged_files_are_named_with_what_to_do(tmp_path: Path, heard: Heard) -> None:
    keep(tmp_path, heard)
    (tmp_path / "clip.safetensors").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="remove it and run again"):
        recall(tmp_path, "clip")


def test_every_step_has_a_vector_and_the_sound_is_judged_once(tmp_path: Path, heard: Heard) -> None:
    judge = Judge()
    rows = []
    for _ in range(2):
        classifier = RememberedClassifier(judge)
        classifier.open(tmp_path / "clip.opinions.json")
        rows.append(vectors(heard, FeatureStream(read_lexicons(), classifier, None)))
        classifier.save()
        if len(rows) == 1:
            n_asked = judge.n_asked
    assert len(rows[0]) == len(heard.truth.outcomes)
    assert np.array_equal(rows[0], rows[1])
    assert n_asked > 0
    assert judge.n_asked == n_asked
