"""Asked twice, computed once, and charged what an idle core takes."""

from __future__ import annotations

import numpy as np
import pytest

from app.evaluation.turn_taking.predictor_run import (
    SOUND_S,
    WORD_S,
    CachedTurnClassifier,
    CachedUtteranceScorer,
)
from tests.fakes.duplex import FakeTurnClassifier, FakeUtteranceScorer

SOUND = np.arange(8, dtype=np.float32)


def test_the_same_sound_is_classified_once_and_charged_each_time() -> None:
    network = FakeTurnClassifier(0.7)
    network.last_inference_s = 5.0  # a busy machine
    cached = CachedTurnClassifier(network)
    assert [cached.p_complete(SOUND) for _ in range(3)] == [0.7] * 3
    cached.p_complete(SOUND + 1)
    assert cached.last_inference_s == SOUND_S
    assert len(network.heard) == 2


def test_the_same_words_are_scored_once_and_new_ones_are_charged() -> None:
    reader = FakeUtteranceScorer(1.5)
    cached = CachedUtteranceScorer(reader)
    charged = []
    for text in ("tea and", "tea and milk", "tea and", "two"):
        assert cached.logit(text) == 1.5
        charged.append(cached.last_inference_s)
    assert charged == [pytest.approx(n * WORD_S) for n in (2, 1, 0, 1)]
    assert reader.read == ["tea and", "tea and milk", "two"]


def test_another_recording_pays_for_its_words_itself() -> None:
    reader = FakeUtteranceScorer(None)
    cached = CachedUtteranceScorer(reader)
    for one in (cached.for_one_recording(), cached.for_one_recording()):
        one.logit("tea and")
        assert one.last_inference_s == pytest.approx(2 * WORD_S)
    assert reader.read == ["tea and"]
