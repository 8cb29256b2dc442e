"""On the real weights: a draft makes the large recogniser quicker and changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio_io.frames import ENGINE_RATE_HZ, Samples
from audio_io.resampler import resample
from model.cascade.engines import RATE_HZ as SYNTHESIS_RATE_HZ
from model.cascade.moonshine import Moonshine, SharedDraft
from model.cascade.synthesizer import Synthesizer
from model.store.packages import WeightStore
from model.types import VoiceChoice

TEXT = "Can I have a small latte with a little bit of sugar?"


@pytest.fixture(scope="module")
def folder(weight_store: WeightStore) -> Path:
    folder = weight_store.folder / "moonshine-base-en"
    if not folder.is_dir():
        pytest.skip("moonshine-base-en is missing; run: parley models get core")
    return folder


@pytest.fixture(scope="module")
def speech(weight_store: WeightStore) -> Samples:
    """16 kHz."""
    synthesizer = Synthesizer(weight_store.folder)
    spoken = synthesizer.speak(TEXT, synthesizer.resolve(VoiceChoice(), "en"), 1.0).samples
    return resample(spoken, SYNTHESIS_RATE_HZ, ENGINE_RATE_HZ)


def test_words_do_not_depend_on_the_draft(folder: Path, speech: Samples) -> None:
    draft = SharedDraft()
    large = Moonshine(folder, fold=True, draft=draft)
    plain = large.transcribe(speech)
    right = draft.tokens
    assert plain.text
    rng = np.random.default_rng(5)
    for tokens in (right, right[: len(right) // 2], right[3:], (3, 9, *right[4:]), right * 3):
        draft.tokens = tokens
        assert large.transcribe(speech).text == plain.text
    draft.tokens = tuple(int(t) for t in rng.integers(3, 40_000, 30))
    drafted = large.transcribe(speech)
    assert drafted.text == plain.text
    assert drafted.mean_logprob == pytest.approx(plain.mean_logprob, abs=1e-3)


def test_the_first_reading_is_what_is_written_and_all_are_probabilities(
    folder: Path, speech: Samples
) -> None:
    large = Moonshine(folder, fold=True)
    readings = large.hypotheses(speech, 3)
    assert readings[0].text == large.transcribe(speech).text
    assert sum(np.exp(reading.logprob) for reading in readings) <= 1.0
    assert [reading.text for reading in readings].count("") == 1


def test_in_noise_silence_is_the_first_reading(folder: Path) -> None:
    noise = np.random.default_rng(3).normal(0.0, 0.03, ENGINE_RATE_HZ).astype(np.float32)
    silence, *others = Moonshine(folder, fold=True).hypotheses(noise, 4)
    assert silence.text == ""
    assert max((reading.logprob for reading in others), default=-9.0) < -5.0
