from __future__ import annotations

import zlib

import numpy as np
import pytest

from app.evaluation.own_words import Check, OwnWordTrainer, sound_alikes
from audio_io.frames import ENGINE_RATE_HZ, Samples
from model.duplex.spotter.own_words import OwnWordCard, fingerprint
from tests.fakes.spotter import random_spotter


def tones(text: str, rate: float) -> Samples:
    """Say every word as a tone of its own."""
    at_s = np.arange(round(0.3 / rate * ENGINE_RATE_HZ)) / ENGINE_RATE_HZ
    words = [zlib.crc32(word.strip(".!?").encode()) % 1500 + 300 for word in text.split()]
    return np.concatenate([0.2 * np.sin(2 * np.pi * hz * at_s) for hz in words]).astype(np.float32)


def test_what_sounds_alike_is_not_the_phrase() -> None:
    alike = sound_alikes("hey parley")
    assert {"hey", "parley", "parley hey", "bey parley", "hey barley"} <= set(alike)
    assert "hey parley" not in {one.casefold() for one in alike}
    assert sound_alikes("嘿") == ()


def test_a_word_is_taken_only_when_it_is_heard_and_rarely_false() -> None:
    assert Check(0.9, 0.5, 1.0).is_good_enough
    assert not Check(0.7, 0.0, 1.0).is_good_enough
    assert not Check(0.95, 3.0, 1.0).is_good_enough


def test_a_phrase_is_learnt_and_checked_the_same_every_time() -> None:
    network = random_spotter()
    card = OwnWordCard("hey parley", "en", "wake", fingerprint(network), 1.0)
    trained = [
        OwnWordTrainer(
            network, card, [tones], [tones], ["all is well", "it may rain"], 0.03
        ).train()
        for _ in range(2)
    ]
    (word, check), (same, _) = trained
    assert 0.0 <= check.heard <= 1.0
    assert check.hours == pytest.approx(0.03, abs=0.01)
    assert word.card == same.card
    assert word.card.scores["heard"] == check.heard
    for name, weight in word.weights.items():
        np.testing.assert_array_equal(weight, same.weights[name])
