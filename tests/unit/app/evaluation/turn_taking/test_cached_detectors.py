"""Asked twice, computed once."""

from __future__ import annotations

import numpy as np
import pytest

from app.evaluation.turn_taking.predictor_run import (
    N_ANSWERS,
    CachedTurnClassifier,
    CachedUtteranceScorer,
)
from tests.fakes.duplex import FakeTurnClassifier, FakeUtteranceScorer

SOUND = np.arange(8, dtype=np.float32)


def test_the_same_sound_is_classified_once_and_charged_each_time() -> None:
    network = FakeTurnClassifier(0.7)
    cached = CachedTurnClassifier(network)
    assert [cached.p_complete(SOUND) for _ in range(3)] == [0.7] * 3
    first_s = cached.last_inference_s
    cached.p_complete(SOUND + 1)
    assert cached.p_complete(SOUND) == 0.7
    assert cached.last_inference_s == pytest.approx(first_s)
    assert len(network.heard) == 2


def test_the_same_words_are_scored_once_and_charged_each_time() -> None:
    reader = FakeUtteranceScorer(1.5)
    cached = CachedUtteranceScorer(reader)
    assert [cached.logit("tea and") for _ in range(3)] == [1.5] * 3
    assert cached.last_inference_s == reader.last_inference_s
    assert reader.read == ["tea and"]


def test_the_oldest_answers_are_forgotten() -> None:
    reader = FakeUtteranceScorer(None)
    cached = CachedUtteranceScorer(reader)
    for i in range(N_ANSWERS + 1):
        cached.logit(str(i))
    cached.logit("0")
    cached.logit(str(N_ANSWERS))
    assert len(reader.read) == N_ANSWERS + 2
