from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from model.duplex.duplex_network import (
    Array,
    DuplexNetwork,
    NetworkState,
    probabilities,
    read_network,
    weight_shapes,
)
from model.duplex.outcomes import OVERLAP, USER_FLOOR, Outcome
from model.duplex.policy import EndpointingPoint, OverlapPoint
from model.duplex.predictor_card import (
    NetworkShape,
    PredictorCard,
    read_card,
    write_card,
)
from model.errors import WeightsError

SHAPE = NetworkShape(
    features=(("mel", 12), ("levels", 3), ("far_mel", 4), ("turn", 2)),
    sound_groups=("mel", "far_mel"),
    sound_width=6,
    evidence_width=5,
    hidden=7,
    head_width=4,
)
SECONDS_OF_STEPS = 200


def random_weights(seed: int = 0) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    weights = {
        name: rng.normal(0.0, 0.5, sizes).astype(np.float32)
        for name, sizes in weight_shapes(SHAPE).items()
    }
    weights["std"] = np.abs(weights["std"]) + np.float32(0.5)
    return weights


def random_features(n_steps: int, seed: int = 1) -> Array:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_steps, SHAPE.n_features)).astype(np.float32)


def example_card() -> PredictorCard:
    mode = EndpointingPoint(end_p=0.5, shortest_ms=200.0, longest_ms=1500.0)
    return PredictorCard(
        features_hash="0123",
        shape=SHAPE,
        floor_temperature=1.5,
        overlap_temperature=0.8,
        endpointing={"eager": mode, "balanced": mode, "patient": mode},
        overlap=OverlapPoint(hold_p=0.5, cut_p=0.8, resume_p=0.6),
        trained="now",
        scores={"loss": 0.25},
    )


def test_streaming_is_the_whole_sequence_bit_for_bit() -> None:
    network = DuplexNetwork(SHAPE, random_weights())
    features = random_features(SECONDS_OF_STEPS)
    whole = network.sequence(features)
    state = network.initial_state()
    for vector, expected in zip(features, whole, strict=True):
        logits, state = network.step(vector, state)
        assert np.array_equal(logits, expected)


def test_a_step_depends_on_nothing_later() -> None:
    network = DuplexNetwork(SHAPE, random_weights())
    features = random_features(50)
    changed = features.copy()
    changed[30:] += 1.0
    assert np.array_equal(network.sequence(features)[:30], network.sequence(changed)[:30])
    assert not np.array_equal(network.sequence(features)[30], network.sequence(changed)[30])


def test_two_conversations_share_one_network() -> None:
    network = DuplexNetwork(SHAPE, random_weights())
    features = random_features(20)
    first, second = network.initial_state(), network.initial_state()
    for vector in features:
        logits, first = network.step(vector, first)
        network.step(-vector, second)
    assert np.array_equal(logits, network.sequence(features)[-1])


def test_a_state_cannot_be_changed_from_outside() -> None:
    network = DuplexNetwork(SHAPE, random_weights())
    _, state = network.step(random_features(1)[0], network.initial_state())
    with pytest.raises(ValueError, match="read-only"):
        state.hidden[0] = 1.0


def test_a_broken_device_does_not_blow_up_the_state() -> None:
    network = DuplexNetwork(SHAPE, random_weights())
    state = network.initial_state()
    for _ in range(20):
        logits, state = network.step(np.full(SHAPE.n_features, 1e30, np.float32), state)
    assert np.isfinite(logits).all()
    assert np.abs(state.hidden).max() <= 1.0


def test_the_whole_state_is_explicit() -> None:
    network = DuplexNetwork(SHAPE, random_weights())
    features = random_features(12)
    _, state = network.step(features[0], network.initial_state())
    kept = NetworkState(state.hidden.copy())
    network.sequence(features)
    assert np.array_equal(network.step(features[1], kept)[0], network.sequence(features[:2])[1])


@pytest.mark.parametrize(("is_overlap", "competing"), [(False, USER_FLOOR), (True, OVERLAP)])
def test_only_outcomes_of_the_moment_compete(
    is_overlap: bool, competing: tuple[Outcome, ...]
) -> None:
    logits = np.array([3.0, -1.0, 2.0, 0.5, 1.0], np.float32)
    p = probabilities(logits, 1.0, is_overlap=is_overlap)
    assert p.sum() == pytest.approx(1.0)
    assert {Outcome(i) for i in np.flatnonzero(p)} == set(competing)


def test_a_high_temperature_doubts() -> None:
    logits = np.array([3.0, -1.0, 2.0, 0.5, 1.0], np.float32)
    sure = probabilities(logits, 0.5, is_overlap=False).max()
    assert probabilities(logits, 4.0, is_overlap=False).max() < sure


def test_huge_logits_give_probabilities() -> None:
    p = probabilities(np.array([1e6, -1e6, 0, 0, 1e6], np.float32), 1.0, is_overlap=False)
    assert np.isfinite(p).all()
    assert p.sum() == pytest.approx(1.0)


def test_weights_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    weights = random_weights()
    path.write_bytes(safetensors.numpy.save(weights))
    features = random_features(5)
    read = read_network(path, SHAPE).sequence(features)
    assert np.array_equal(read, DuplexNetwork(SHAPE, weights).sequence(features))


def broken(change: str) -> dict[str, Array]:
    weights = random_weights()
    match change:
        case "missing":
            del weights["head.bias"]
        case "extra":
            weights["surplus"] = np.zeros(2, np.float32)
        case "sizes":
            weights["output.bias"] = np.zeros(3, np.float32)
        case "nan":
            weights["head.bias"][1] = np.nan
        case _:
            weights["std"][0] = 0.0
    return weights


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("missing", "head.bias is missing"),
        ("extra", "surplus does not belong here"),
        ("sizes", r"output.bias is float32 \(3,\), not float32 \(5,\)"),
        ("nan", "head.bias holds a value that is no number"),
        ("std", "std: must be above 0"),
    ],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(
    tmp_path: Path, change: str, message: str
) -> None:
    path = tmp_path / "network.safetensors"
    path.write_bytes(safetensors.numpy.save(broken(change)))
    with pytest.raises(WeightsError, match=message) as caught:
        read_network(path, SHAPE)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}", b"x" * 500])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "network.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"restore the file or train again"):
        read_network(path, SHAPE)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    path.write_bytes(safetensors.numpy.save(random_weights())[:-10])
    with pytest.raises(WeightsError, match="cannot be read"):
        read_network(path, SHAPE)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors is missing"):
        read_network(tmp_path / "nowhere.safetensors", SHAPE)
    with pytest.raises(WeightsError, match=r"nowhere\.json: is missing"):
        read_card(tmp_path / "nowhere.json")


def test_a_card_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    write_card(path, example_card())
    assert read_card(path) == example_card()


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("format",), 1, "format: must be 2, got 1"),
        (("features_hash",), None, "features_hash: must be a text"),
        (("floor_temperature",), 0, "floor_temperature: must be a number of at least 0.001"),
        (("overlap", "cut_p"), 1.5, "cut_p: must be a probability"),
        (("overlap", "hold_p"), "half", "hold_p: must be a number"),
        (("endpointing", "patient"), None, "endpointing.patient: must be an object"),
        (
            ("endpointing", "eager", "longest_ms"),
            100,
            "longest_ms: must be a number of at least 200",
        ),
        (("shape", "hidden"), 0, "hidden: must be a whole number of at least 1"),
        (("shape", "features"), ["mel"], "shape.features[0]: must be a list of 2"),
        (("scores",), [1], "scores: must be an object"),
    ],
)
def test_a_broken_card_names_file_key_and_remedy(
    tmp_path: Path, keys: tuple[str, ...], value: object, message: str
) -> None:
    path = tmp_path / "card.json"
    write_card(path, example_card())
    content = json.loads(path.read_text(encoding="utf-8"))
    holder = content
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(WeightsError) as caught:
        read_card(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "restore the file or train again" in str(caught.value)
