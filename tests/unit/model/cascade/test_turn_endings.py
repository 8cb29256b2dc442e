"""How speech stopped, out of what a recogniser has computed anyway."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from audio_io.frames import ENGINE_RATE_HZ
from model.cascade.turn_endings import (
    HEARD,
    MARKS,
    N_LAST,
    Ending,
    EndingReader,
    ending_states,
    ending_vector,
    heard_shapes,
    log_softmax,
    read_endings,
    vector_size,
)
from model.errors import WeightsError

LAST = np.zeros(N_LAST, np.float32)


def voice_then_quiet(voice_s: float, quiet_s: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    said = 0.1 * rng.standard_normal(round(voice_s * ENGINE_RATE_HZ))
    return np.pad(said, (0, round(quiet_s * ENGINE_RATE_HZ))).astype(np.float32)


def test_quiet_and_voice_are_told_apart_by_the_sound() -> None:
    samples = voice_then_quiet(0.8, 0.2)
    frames = np.zeros((40, 3), np.float32)  # 25 ms each
    frames[12:32] = 1.0  # the last 0.5 s of the voice
    frames[32:] = 5.0  # the quiet
    states = ending_states(frames, samples, LAST)
    assert states.quiet == pytest.approx([5.0, 5.0, 5.0])
    assert states.voice == pytest.approx([1.0, 1.0, 1.0])
    assert states.seconds == pytest.approx(0.8)


@pytest.mark.parametrize(("voice_s", "quiet_s"), [(1.0, 0.0), (0.0, 0.6), (0.05, 0.3)])
def test_sound_without_quiet_or_without_voice_still_has_an_ending(
    voice_s: float, quiet_s: float
) -> None:
    samples = voice_then_quiet(voice_s, quiet_s)
    states = ending_states(np.ones((20, 4), np.float32), samples, LAST)
    assert np.isfinite(states.quiet).all()
    assert np.isfinite(states.voice).all()


def test_a_vector_holds_states_probabilities_and_numbers() -> None:
    states = ending_states(np.ones((20, 7), np.float32), voice_then_quiet(0.5, 0.2), LAST)
    vector = ending_vector(states, mean_logprob=-0.5, n_words=4, n_words_here=2)
    assert vector.shape == (vector_size(7),)
    assert vector.dtype == np.float32


def test_a_mark_that_a_tokenizer_lacks_is_never_expected() -> None:
    found = log_softmax(np.array([0.0, 0.0], np.float32), [0, -1])
    assert found[0] == pytest.approx(np.log(0.5))
    assert found[1] < -10.0
    assert len(MARKS) + 1 == N_LAST


def weights(seed: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=s).astype(np.float32) for name, s in heard_shapes().items()}


def test_two_rows_of_weights_give_two_numbers() -> None:
    made = weights()
    vector = np.ones(vector_size(HEARD["heard.zh"]), np.float32)
    found = EndingReader(made).read(Ending("zh", vector, 1.5))
    assert found is not None
    wanted = made["heard.zh.weight"].sum(axis=1) + made["heard.zh.bias"]
    assert (found.log_odds, found.rise) == pytest.approx(tuple(wanted), rel=1e-4)
    assert found.at_s == 1.5


def test_another_recogniser_than_the_one_that_was_learnt_from_tells_nothing() -> None:
    reader = EndingReader(weights())
    small = np.ones(vector_size(288), np.float32)
    assert reader.read(Ending("en", small, 1.0)) is None
    assert reader.read(Ending("fr", small, 1.0)) is None


def test_weights_of_another_reader_in_the_same_file_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "end.safetensors"
    safetensors.numpy.save_file({**weights(), "words.bias": np.zeros(2, np.float32)}, path)
    assert read_endings(path).read(Ending("fr", np.zeros(2, np.float32), 0.0)) is None


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("heard.en.bias", None, "heard.en.bias is missing"),
        ("heard.zh.weight", np.zeros((2, 5), np.float32), "heard.zh.weight is float32"),
        ("heard.en.bias", np.array([1.0, np.nan], np.float32), "holds a value that is no number"),
    ],
)
def test_bad_weights_are_told_in_one_line(
    tmp_path: Path, name: str, change: np.ndarray | None, message: str
) -> None:
    made = weights()
    if change is None:
        del made[name]
    else:
        made[name] = change
    path = tmp_path / "end.safetensors"
    safetensors.numpy.save_file(made, path)
    with pytest.raises(WeightsError, match=message) as error:
        read_endings(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_weights_that_ship_can_be_read() -> None:
    vector = np.zeros(vector_size(HEARD["heard.en"]), np.float32)
    assert read_endings().read(Ending("en", vector, 0.0)) is not None
