# ruff: noqa: E402  what is imported below needs torch
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.duplex.duplex_network import probabilities, read_network
from model.duplex.outcomes import Outcome
from model.duplex.predictor_card import read_card
from model.training import train_duplex
from model.training.duplex.data.dataset import read_clips
from model.training.duplex.network.network_trainer import Trainer, TrainingSettings
from model.training.duplex.network.torch_network import TorchDuplexNetwork
from tests.fakes.duplex_clips import write_clips

SMALL = ["--hidden", "8", "--sound-width", "6", "--evidence-width", "8", "--head-width", "6"]
QUICK = [
    *SMALL,
    "--dropout",
    "0.05",
    "--epochs",
    "20",
    "--batch-clips",
    "4",
    "--rate",
    "0.02",
    "--device",
    "cpu",
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    assert train_duplex.main([str(data), "--out", str(out), *QUICK]) == 0
    return out


def test_what_was_trained_decides_rightly_in_the_numpy_network(data: Path, trained: Path) -> None:
    card = read_card(trained / "predictor.json")
    network = read_network(trained / "predictor.safetensors", card.shape)
    n_right = n_scored = 0
    for clip in read_clips(data, ("val",)):
        logits = network.sequence(clip.features.astype(np.float32))
        is_overlap = bool(clip.is_overlap[-1])
        temperature = card.overlap_temperature if is_overlap else card.floor_temperature
        said = probabilities(logits[-1], temperature, is_overlap=is_overlap).argmax()
        n_right += Outcome(said) == clip.outcomes[-1]
        n_scored += 1
    assert n_right / n_scored > 0.9


def test_the_card_holds_an_operating_point_for_every_pace(trained: Path) -> None:
    card = read_card(trained / "predictor.json")
    eager, patient = card.endpointing["eager"], card.endpointing["patient"]
    assert eager.end_p <= patient.end_p or eager.shortest_ms <= patient.shortest_ms
    assert card.overlap.hold_p <= card.overlap.cut_p
    assert card.scores["balanced_false_cut_offs"] <= 0.05
    assert card.scores["end_ece"] <= card.scores["end_ece_raw"] + 0.05


def test_torch_and_numpy_agree(data: Path, trained: Path) -> None:
    card = read_card(trained / "predictor.json")
    network = read_network(trained / "predictor.safetensors", card.shape)
    twin = TorchDuplexNetwork(card.shape)
    twin.load_weights(network.weights)
    twin.eval()
    clip = read_clips(data, ("val",))[0]
    features = clip.features.astype(np.float32)
    with torch.no_grad():
        expected = twin(torch.from_numpy(features)[None])[0].numpy()
    assert np.abs(network.sequence(features) - expected).max() < 1e-5


@pytest.mark.parametrize(("seed", "is_same"), [("0", True), ("1", False)])
def test_a_seed_fixes_the_weights(data: Path, tmp_path: Path, seed: str, is_same: bool) -> None:
    weights: list[bytes] = []
    for folder, chosen in (("first", "0"), ("second", seed)):
        out = tmp_path / folder
        command = [str(data), "--out", str(out), *QUICK, "--epochs", "2", "--seed", chosen]
        assert train_duplex.main(command) == 0
        weights.append((out / "predictor.safetensors").read_bytes())
    assert (weights[0] == weights[1]) == is_same


def make_trainer(data: Path, trained: Path, epochs: int = 4) -> Trainer:
    settings = TrainingSettings(epochs=epochs, batch_clips=8)
    torch.manual_seed(settings.seed)
    network = TorchDuplexNetwork(read_card(trained / "predictor.json").shape, settings.dropout)
    learnt, val = read_clips(data, ("train",)), read_clips(data, ("val",))
    return Trainer(network, learnt, val, settings, torch.device("cpu"))


def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    data: Path, trained: Path, tmp_path: Path
) -> None:
    whole = make_trainer(data, trained)
    for _ in range(4):
        whole.run_epoch(lambda: None)
    first = make_trainer(data, trained)
    for _ in range(2):
        first.run_epoch(lambda: None)
    first.save(tmp_path / "state.pt", "toy")
    second = make_trainer(data, trained)
    second.resume(tmp_path / "state.pt", "toy")
    while not second.is_over:
        second.run_epoch(lambda: None)
    assert second.curve == whole.curve
    for name, weight in whole.network.weights().items():
        assert np.array_equal(weight, second.network.weights()[name]), name
    for name, weight in whole.best_weights().items():
        assert np.array_equal(weight, second.best_weights()[name]), name


@pytest.mark.parametrize(("epochs", "name", "key"), [(5, "toy", "settings"), (4, "other", "data")])
def test_a_state_of_another_run_is_refused(
    data: Path, trained: Path, tmp_path: Path, epochs: int, name: str, key: str
) -> None:
    trainer = make_trainer(data, trained)
    trainer.run_epoch(lambda: None)
    trainer.save(tmp_path / "state.pt", "toy")
    with pytest.raises(train_duplex.DataError, match=rf"{key}: the run was begun with others"):
        make_trainer(data, trained, epochs).resume(tmp_path / "state.pt", name)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK"])
def test_a_damaged_state_is_refused(
    data: Path, trained: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(train_duplex.DataError, match="delete it to begin again"):
        make_trainer(data, trained).resume(tmp_path / "state.pt", "toy")


def test_better_weights_are_kept(
    data: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("predictor.safetensors", "predictor.json"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    before = (tmp_path / "predictor.safetensors").read_bytes()
    command = [str(data), "--out", str(tmp_path), *SMALL, "--epochs", "1", "--rate", "1e-6"]
    assert train_duplex.main(command) == 1
    assert "the weights there are better; --force replaces them" in capsys.readouterr().err
    assert (tmp_path / "predictor.safetensors").read_bytes() == before
    assert train_duplex.main([*command, "--force"]) == 0
    assert (tmp_path / "predictor.safetensors").read_bytes() != before


def test_early_stopping_keeps_the_best_epoch(data: Path, trained: Path) -> None:
    trainer = make_trainer(data, trained, epochs=4)
    losses = [trainer.run_epoch(lambda: None).val_loss for _ in range(4)]
    assert trainer.best is not None
    assert trainer.best.val_loss == min(losses)
    trainer.average.load_weights(trainer.best_weights())
    assert trainer.val_loss() == pytest.approx(min(losses))


def test_a_run_leaves_one_dated_line_in_the_log(data: Path, tmp_path: Path) -> None:
    log = tmp_path / "LOG.md"
    out = tmp_path / "out"
    command = [str(data), "--out", str(out), *SMALL, "--epochs", "1", "--log", str(log)]
    assert train_duplex.main(command) == 0
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1
    assert "held-out loss" in lines[0]
    assert sorted(path.name for path in out.iterdir()) == [
        "predictor.json",
        "predictor.safetensors",
    ]


def test_stale_clips_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_clips(tmp_path / "clips")
    (folder / "features.json").write_text(json.dumps({"hash": "of long ago"}), encoding="utf-8")
    assert train_duplex.main([str(folder), "--out", str(tmp_path / "out"), *QUICK]) == 1
    message = capsys.readouterr().err
    assert "have the features of table 'of long ago'" in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out" / "predictor.json").exists()
