"""When the slow detectors are asked, and what they are shown."""

from __future__ import annotations

import numpy as np
import pytest

from audio_io.frames import AudioFrame, frozen
from model.duplex.end_of_turn_detectors import EndOfTurnDetectors, TurnAudio, logit
from model.duplex.policy import ASK_SOUND_AFTER_MS, READ_WORDS_AFTER_MS
from model.duplex.smart_turn import N_WINDOW
from model.duplex.voice_tracker import Stretch
from tests.fakes.duplex import FakeTurnClassifier, FakeUtteranceScorer


def frame(at: int) -> AudioFrame:
    return AudioFrame(frozen(np.full(160, at / 1e4, np.float32)), 160 * at)


def test_the_sound_is_scored_once_at_every_mark() -> None:
    classifier = FakeTurnClassifier(0.9)
    detectors = EndOfTurnDetectors(classifier, None)
    for silence_ms in range(10, 2000, 10):
        detectors.ask_sound(float(silence_ms))
    assert len(classifier.heard) == len(ASK_SOUND_AFTER_MS) == detectors.n_asked
    assert detectors.sound_logits == [pytest.approx(logit(0.9))] * 3


def test_the_cost_is_that_of_the_frame_in_which_it_was_asked() -> None:
    detectors = EndOfTurnDetectors(FakeTurnClassifier(0.9), FakeUtteranceScorer(1.0))
    turn = Stretch(0.0, 0.5)
    detectors.ask_sound(200.0)
    detectors.read_text(200.0, "what time")
    assert (detectors.last_sound_s, detectors.last_text_s) == (0.06, 0.02)
    detectors.hear(frame(0), turn, is_voice=False)
    assert (detectors.last_sound_s, detectors.last_text_s) == (0.0, 0.0)


def test_words_are_read_when_they_changed_and_the_voice_has_paused() -> None:
    reader = FakeUtteranceScorer(1.5)
    detectors = EndOfTurnDetectors(None, reader)
    detectors.read_text(READ_WORDS_AFTER_MS - 10.0, "what")
    for text in ("what", "what", "what time"):
        detectors.read_text(READ_WORDS_AFTER_MS, text)
    detectors.read_text(READ_WORDS_AFTER_MS, "")
    assert reader.read == ["what", "what time"]
    assert detectors.text_logit == 1.5


def test_voice_ends_the_pause_and_its_scores() -> None:
    detectors = EndOfTurnDetectors(FakeTurnClassifier(0.9), FakeUtteranceScorer(1.0))
    turn = Stretch(0.0, 0.5)
    detectors.ask_sound(450.0)
    detectors.read_text(450.0, "what time")
    detectors.hear(frame(0), turn, is_voice=True)
    assert detectors.sound_logits == [None] * 3
    assert detectors.text_logit is None


def test_an_overconfident_network_is_clipped() -> None:
    assert logit(1.0) == pytest.approx(-logit(0.0))
    assert logit(1.0) < 5.0


def test_the_sound_of_a_turn_begins_half_a_second_before_its_voice() -> None:
    classifier = FakeTurnClassifier(0.5)
    detectors = EndOfTurnDetectors(classifier, None)
    for at in range(100):
        detectors.hear(frame(at), None, is_voice=False)
    turn = Stretch(1.0, 1.0)
    for at in range(100, 140):
        detectors.hear(frame(at), turn, is_voice=True)
    detectors.ask_sound(200.0)
    assert classifier.heard == [16 * (500 + 400 - 10)]


def test_of_a_long_turn_only_the_networks_window_is_kept() -> None:
    audio = TurnAudio()
    audio.push(np.zeros(160, np.float32))
    audio.begin_turn()
    for at in range(3000):
        audio.push(np.full(160, at, np.float32))
    turn = audio.turn()
    assert len(turn) == N_WINDOW
    assert turn[-1] == 2999.0
