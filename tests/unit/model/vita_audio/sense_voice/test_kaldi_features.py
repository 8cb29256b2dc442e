from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from hypothesis import given
from hypothesis import strategies as st
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from audio_io.frames import Samples
from model.errors import WeightsError
from model.vita_audio.sense_voice.kaldi_features import SpeechFeatures
from tests.fakes.vita_checkpoints.tiny_sense_voice import write_tiny_sense_voice_files

UNSCALED = SpeechFeatures(np.zeros(560, np.float32), np.ones(560, np.float32))

# By Kaldi's own code (kaldi-native-fbank 1.22.5) of ``chirp(8000)``: 80 bands, Hamming window, no
# dither; energies 0, 17 and 45, every 16th band.
KALDI = {
    0: [15.106167, 13.278059, 12.547358, 15.190485, 13.011771],
    17: [14.193616, 24.368507, 13.013767, 15.004216, 13.624122],
    45: [13.786455, 14.871952, 15.453193, 14.408307, 14.259149],
}


def chirp(n_samples: int) -> Samples:
    t = np.arange(n_samples) / 16_000
    low = 0.3 * np.sin(2 * np.pi * (200 + 900 * t) * t)
    rest = 0.1 * np.cos(2 * np.pi * 3000 * t) + 0.05 * np.sin(2 * np.pi * (t * 17) ** 2)
    return (low + rest).astype(np.float32)


def energies_of(samples: Samples) -> np.ndarray:
    """The single energies (n, 80) out of unscaled stacks, from the first on."""
    stacks = UNSCALED.extract(samples).reshape(-1, 7, 80)
    return np.concatenate((stacks[:, :6].reshape(-1, 80)[3:], stacks[-1, 6:]))


def test_energies_are_those_of_kaldi():
    energies = energies_of(chirp(8000))
    for index, expected in KALDI.items():
        np.testing.assert_allclose(energies[index, ::16], expected, atol=5e-4)


def test_energies_are_those_of_transformers():
    filters = mel_filter_bank(257, 80, 20.0, 8000.0, 16_000, None, "kaldi", True)
    expected = spectrogram(
        chirp(4000).astype(np.float64) * 32_768,
        window_function(400, "hamming", periodic=False),
        frame_length=400,
        hop_length=160,
        fft_length=512,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=filters,
        mel_floor=1.192092955078125e-07,
        log_mel="log",
        remove_dc_offset=True,
    ).T
    energies = energies_of(chirp(4000))
    assert len(expected) - 3 < len(energies) <= len(expected)
    np.testing.assert_allclose(energies, expected[: len(energies)], rtol=0, atol=1e-4)


def test_a_stack_is_seven_energies_every_six_and_the_edges_repeat():
    samples = chirp(400 + 160 * 13)  # 14 energies, 3 stacks
    energies = energies_of(samples)
    stacks = UNSCALED.extract(samples).reshape(-1, 7, 80)
    wanted = [
        [0, 0, 0, 0, 1, 2, 3],
        [3, 4, 5, 6, 7, 8, 9],
        [9, 10, 11, 12, 13, 13, 13],
    ]
    np.testing.assert_array_equal(stacks, energies[wanted])


@given(st.integers(0, 20_000))
def test_the_number_of_frames_is_known_before(n_samples):
    features = UNSCALED.extract(np.zeros(n_samples, np.float32))
    n_energies = max(1, 1 + (n_samples - 400) // 160)
    assert len(features) == -(-n_energies // 6)
    assert features.shape[1] == 560
    assert features.dtype == np.float32


def test_silence_is_the_least_energy_and_finite():
    features = UNSCALED.extract(np.zeros(16_000, np.float32))
    np.testing.assert_allclose(features, np.log(np.finfo(np.float32).eps), rtol=1e-6)


def test_a_clip_shorter_than_a_window_is_filled_up():
    clip = chirp(123)
    filled = np.concatenate((clip, np.zeros(277, np.float32)))
    np.testing.assert_array_equal(UNSCALED.extract(clip), UNSCALED.extract(filled))


def test_full_scale_is_that_of_16_bits():
    """A tone of one step of 16 bits is far above the least energy."""
    whisper = chirp(1600) / 32_768
    assert UNSCALED.extract(whisper).max() > 0


def test_the_same_sound_gives_the_same_features():
    np.testing.assert_array_equal(UNSCALED.extract(chirp(5000)), UNSCALED.extract(chirp(5000)))


def write_scaling(path: Path, shift: str, scale: str, before: str = "") -> Path:
    path.mkdir(exist_ok=True)
    (path / "am.mvn").write_text(
        f"<Nnet> \n<Splice> 560 560\n[ 0 ]\n{before}<AddShift> 560 560 \n<LearnRateCoef> 0 "
        f"[ {shift} ]\n<Rescale> 560 560 \n<LearnRateCoef> 0 [ {scale} ]\n</Nnet> \n",
        "utf-8",
    )
    return path


def numbers(start: float, step: float, separator: str = " ") -> str:
    return separator.join(f"{start + step * index:.6g}" for index in range(560))


@pytest.mark.parametrize("separator", [" ", "\n", "  \n "])
def test_energies_are_shifted_then_scaled(tmp_path, separator):
    directory = write_scaling(
        tmp_path, numbers(-9, 0.01, separator), numbers(0.1, 0.001, separator)
    )
    features = SpeechFeatures.from_directory(directory).extract(chirp(2000))
    shift = -9 + 0.01 * np.arange(560)
    scale = 0.1 + 0.001 * np.arange(560)
    expected = (UNSCALED.extract(chirp(2000)) + shift) * scale
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-4)


def test_a_tiny_directory_brings_speech_near_zero(tmp_path):
    write_tiny_sense_voice_files(tmp_path)
    features = SpeechFeatures.from_directory(tmp_path).extract(chirp(16_000))
    assert abs(features.mean()) < 3
    assert features.std() < 3


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"am\.mvn.*SenseVoice"):
        SpeechFeatures.from_directory(tmp_path)


def test_a_file_without_numbers_is_named(tmp_path):
    (tmp_path / "am.mvn").write_text("<Nnet>\n</Nnet>\n", "utf-8")
    with pytest.raises(WeightsError, match=r"am\.mvn.*<AddShift>"):
        SpeechFeatures.from_directory(tmp_path)


@pytest.mark.parametrize("scale", ["1 2 3", "x " * 560, "nan " * 560])
def test_numbers_that_cannot_be_are_named(tmp_path, scale):
    directory = write_scaling(tmp_path, numbers(0, 1), scale)
    with pytest.raises(WeightsError, match=r"am\.mvn.*<Rescale>"):
        SpeechFeatures.from_directory(directory)
