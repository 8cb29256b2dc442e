from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from model.duplex.log_mel import FRAME, LogMelStream
from model.duplex.spotter.card import SpotterCard, SpotterThresholds, read_card, write_card
from model.duplex.spotter.network import (
    CARD_NAME,
    N_INPUTS,
    SILENT_MEL,
    STEP_FRAMES,
    WEIGHTS_NAME,
    Array,
    probabilities,
    read_spotter,
)
from model.duplex.spotter.vocabulary import CLASSES
from model.errors import WeightsError
from model.files.records import Misfit
from tests.fakes.spotter import THRESHOLDS, TINY, random_spotter, random_weights, tiny_card

N_STEPS = 60


def random_mels(n_steps: int = N_STEPS, seed: int = 1) -> Array:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_steps * STEP_FRAMES, N_INPUTS)).astype(np.float32)


def test_step_by_step_is_the_whole_recording() -> None:
    network, mels = random_spotter(), random_mels()
    whole, _ = network.advance(mels, network.silent_state)
    state = network.silent_state
    for i, expected in enumerate(whole):
        logits, state = network.advance(mels[4 * i : 4 * i + 4], state)
        np.testing.assert_allclose(logits[0], expected, atol=1e-4)


def test_a_decision_depends_on_nothing_later() -> None:
    network, mels = random_spotter(), random_mels()
    later = mels.copy()
    later[20 * STEP_FRAMES :] += 3.0
    a, _ = network.advance(mels, network.silent_state)
    b, _ = network.advance(later, network.silent_state)
    np.testing.assert_allclose(a[:20], b[:20], atol=1e-5)
    assert np.abs(a[20] - b[20]).max() > 0.0


def test_what_is_older_than_the_memory_has_no_influence() -> None:
    network, mels = random_spotter(), random_mels()
    n_frames = round(network.memory_s * 100.0)
    other = mels.copy()
    other[: len(mels) - n_frames] = random_mels(seed=9)[: len(mels) - n_frames]
    a, _ = network.advance(mels, network.silent_state)
    b, _ = network.advance(other, network.silent_state)
    np.testing.assert_allclose(a[-1], b[-1], atol=1e-5)
    assert np.abs(a[0] - b[0]).max() > 1e-3


def test_the_silent_state_is_what_long_silence_leads_to() -> None:
    network = random_spotter()
    n_steps = round(network.memory_s / 0.04) + 2
    silence = np.full((n_steps * STEP_FRAMES, N_INPUTS), SILENT_MEL, np.float32)
    _, state = network.advance(silence, network.silent_state)
    for found, expected in zip(state.pasts, network.silent_state.pasts, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_digital_silence_has_the_mels_it_is_said_to_have() -> None:
    np.testing.assert_allclose(LogMelStream().push(np.zeros(FRAME, np.float32)), SILENT_MEL)


def test_probabilities_of_huge_logits_are_finite_and_sum_to_one() -> None:
    p = probabilities(np.array([1e4, -1e4, 1e4], np.float32))
    np.testing.assert_allclose(p, [0.5, 0.0, 0.5])


def written(folder: Path) -> Path:
    write_card(folder / CARD_NAME, tiny_card())
    (folder / WEIGHTS_NAME).write_bytes(safetensors.numpy.save(random_weights()))
    return folder


def test_what_was_written_is_read(tmp_path: Path) -> None:
    network = read_spotter(written(tmp_path))
    assert network.card == tiny_card()
    mels = random_mels(3)
    expected, _ = random_spotter().advance(mels, network.silent_state)
    found, _ = network.advance(mels, network.silent_state)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("format", 7, "format: must be 1, got 7"),
        ("classes", [{"name": "stop", "group": "stop"}], "has none of the group"),
        ("classes", [{"name": "stop", "group": "halt"}], "classes[0].group"),
        ("shape", {"dilations": [0]}, "shape.dilations[0]"),
        ("thresholds", {}, "duck_p"),
    ],
)
def test_a_card_that_is_not_right_is_named(
    tmp_path: Path, key: str, value: object, what: str
) -> None:
    path = written(tmp_path) / CARD_NAME
    card = json.loads(path.read_text())
    card[key] = value
    path.write_text(json.dumps(card))
    with pytest.raises(WeightsError) as caught:
        read_card(path)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_reply_is_lowered_before_it_is_stopped() -> None:
    with pytest.raises(Misfit, match="at least duck_p"):
        SpotterThresholds(0.9, 0.5, 0.5, 0.5, "made up")


def test_a_class_that_stands_twice_is_refused() -> None:
    with pytest.raises(Misfit, match="holds stop twice"):
        SpotterCard(TINY, THRESHOLDS, classes=(*CLASSES, CLASSES[0]))


@pytest.mark.parametrize("change", ["missing", "shape", "std", "nan", "more", "broken"])
def test_weights_that_do_not_fit_are_named(tmp_path: Path, change: str) -> None:
    path = written(tmp_path) / WEIGHTS_NAME
    weights = random_weights()
    match change:
        case "missing":
            del weights["head.bias"]
        case "shape":
            weights["head.bias"] = weights["head.bias"][1:]
        case "std":
            weights["std"][3] = 0.0
        case "nan":
            weights["mean"][3] = np.nan
        case _:
            weights["more"] = np.zeros(1, np.float32)
    path.write_bytes(b"?" if change == "broken" else safetensors.numpy.save(weights))
    with pytest.raises(WeightsError) as caught:
        read_spotter(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
