from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.duplex.outcomes import Outcome
from model.files.content_cache import Cache, address
from model.training.duplex.data.clip_vectors import RememberedDetectors
from model.training.duplex.data.conversation_scenes import make_scene
from model.training.duplex.data.heard_clips import ClipInfo, Heard, heard_in
from model.training.duplex.data.pipeline import OfflineFrontEnd
from model.training.duplex.data.speech import LoudnessDetector
from tests.fakes.duplex_scenes import tone_context
from tests.fakes.text_encoder import FakeTextEncoder

INFO = ClipInfo("clip", "train", "yielded", "en", "tones", "x", "none", 3.0, 1)


class Listening:
    """A recogniser that counts what it hears."""

    partial_text = ""
    end_s = 0.0

    def restart(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.partial_text = ""

    def hear(self, frame) -> bool:
        self.end_s = frame.end_s
        self.partial_text += " word"
        return True

    def finish(self) -> str:
        return self.partial_text + "."

    def guess(self) -> None:
        return None

    def ending(self) -> None:
        return None


class Classifier:
    last_inference_s = 0.0
    n_asked = 0

    def p_complete(self, samples) -> float:
        self.n_asked += 1
        return 0.7


@pytest.fixture(scope="module")
def heard() -> Heard:
    scene = make_scene("yielded", tone_context(), "en", np.random.default_rng(2))
    return OfflineFrontEnd(LoudnessDetector(), lambda _: Listening()).hear(scene, INFO, 0.1)


def test_what_was_heard_comes_back_bit_for_bit(tmp_path: Path, heard: Heard) -> None:
    cache, where = Cache(tmp_path), address("heard", "clip")
    cache.write(where, heard.entry())
    entry = cache.read(where)
    assert entry is not None
    again = heard_in(entry)
    for name in ("clean", "far", "p_speech", "is_speech", "has_converged", "is_agent_speaking"):
        assert np.array_equal(getattr(again, name), getattr(heard, name)), name
    assert again.words == heard.words
    assert again.agent_text == heard.agent_text
    assert np.array_equal(again.truth.outcomes, heard.truth.outcomes)
    assert again.info == INFO


def test_words_arrive_late_and_the_reply_is_known_word_by_word(heard: Heard) -> None:
    assert heard.words
    assert all(change.until_s < (change.frame + 1) / 100 for change in heard.words)
    lengths = [len(change.text) for change in heard.agent_text]
    assert lengths == sorted(lengths)
    texts = list(heard.texts())
    assert len(texts) == heard.n_frames
    for change in heard.words:
        assert texts[change.frame][:2] == (change.text, change.until_s)
    for change in heard.agent_text:
        assert texts[change.frame][2] == change.text


def test_nothing_is_asked_about_an_event_that_nobody_could_hear(heard: Heard) -> None:
    outcomes = heard.truth.outcomes
    assert Outcome.INTERRUPTION in outcomes
    assert np.array_equal(heard.audible_outcomes(), outcomes)
    silent = replace(heard, p_speech=np.zeros_like(heard.p_speech)).audible_outcomes()
    assert Outcome.INTERRUPTION not in silent
    kept = outcomes != Outcome.INTERRUPTION
    assert np.array_equal(silent[kept], outcomes[kept])


def test_every_step_has_a_vector_and_the_detectors_are_asked_once(
    tmp_path: Path, heard: Heard
) -> None:
    classifier, encoder, rows = Classifier(), FakeTextEncoder(), []
    for _ in range(2):
        detectors = RememberedDetectors(Cache(tmp_path), classifier, encoder)
        rows.append(detectors.vectors(heard, "heard/clip"))
        if len(rows) == 1:
            n_asked, n_read = classifier.n_asked, len(encoder.read)
    assert len(rows[0]) == len(heard.truth.outcomes)
    assert np.array_equal(rows[0], rows[1])
    assert n_asked > 0
    assert classifier.n_asked == n_asked
    assert n_read > 0
    assert len(encoder.read) == n_read
