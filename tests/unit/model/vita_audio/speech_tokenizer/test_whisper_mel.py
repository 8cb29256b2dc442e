from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
transformers = pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.vita_audio.speech_tokenizer.whisper_mel import LogMel, normalised  # noqa: E402


@pytest.mark.parametrize("n_bands", [80, 128])
def test_features_are_those_of_whisper(voice, n_bands):
    samples = voice(32_000)
    whisper = transformers.WhisperFeatureExtractor(n_bands)
    theirs = whisper(samples, sampling_rate=16_000, padding="do_not_pad", return_tensors="pt")

    signal = torch.nn.functional.pad(torch.tensor(samples)[None], (200, 200), mode="reflect")[0]
    log_mel = LogMel(n_bands, "cpu").frames(signal)[:-1]
    ours = normalised(log_mel, log_mel.max())

    assert ours.shape == (200, n_bands)
    torch.testing.assert_close(ours.T[None], theirs["input_features"], atol=2e-4, rtol=0)


def test_a_frame_sees_its_own_window_only():
    mel = LogMel(16, "cpu", torch.float64)
    signal = torch.tensor(np.random.default_rng(0).standard_normal(400 + 3 * 160 + 159))

    frames = mel.frames(signal)

    assert frames.shape == (4, 16)
    for index in range(4):
        alone = mel.frames(signal[160 * index :][:400])
        torch.testing.assert_close(alone[0], frames[index], atol=1e-12, rtol=0)


def test_silence_has_the_same_finite_features_everywhere():
    log_mel = LogMel(16, "cpu").frames(torch.zeros(2000))

    features = normalised(log_mel, log_mel.max())

    assert torch.equal(features, torch.full_like(features, -1.5))
