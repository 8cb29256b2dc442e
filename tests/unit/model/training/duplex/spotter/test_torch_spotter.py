from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from model.duplex.spotter.card import SpotterCard  # noqa: E402
from model.duplex.spotter.network import (  # noqa: E402
    N_INPUTS,
    SILENT_MEL,
    STEP_FRAMES,
    SpotterNetwork,
    weight_shapes,
)
from model.duplex.spotter.vocabulary import CLASSES  # noqa: E402
from model.training.duplex.spotter.sessions import INDEX, Heard  # noqa: E402
from model.training.duplex.spotter.spotter_trainer import (  # noqa: E402
    SpotterTrainer,
    TrainingPlan,
)
from model.training.duplex.spotter.torch_network import TorchSpotter  # noqa: E402
from tests.fakes.spotter import THRESHOLDS, TINY  # noqa: E402

PLAN = TrainingPlan(n_batches=3, batch=2)


def settled_network() -> TorchSpotter:
    """Return one whose norms have seen something and whose biases are not zero."""
    torch.manual_seed(3)
    network = TorchSpotter(TINY, len(CLASSES))
    network.mean.normal_()
    network.std.uniform_(0.5, 2.0)
    for _ in range(3):
        network(torch.randn(4, network.n_context + 40, N_INPUTS))
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def test_the_exported_network_says_the_same() -> None:
    network = settled_network()
    exported = network.exported()
    wanted = weight_shapes(TINY, len(CLASSES))
    assert {name: weight.shape for name, weight in exported.items()} == wanted
    ours = SpotterNetwork(SpotterCard(TINY, THRESHOLDS), exported)
    mels = np.random.default_rng(0).normal(size=(30 * STEP_FRAMES, N_INPUTS)).astype(np.float32)
    silence = np.full((network.n_context, N_INPUTS), SILENT_MEL, np.float32)
    expected = network(torch.from_numpy(np.concatenate([silence, mels])[None]))[0]
    found, _ = ours.advance(mels, ours.silent_state)
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-4)


def sessions() -> list[Heard]:
    rng = np.random.default_rng(1)
    labels = np.full(900, INDEX["nothing"], np.int16)
    labels[300:340] = INDEX["stop"]
    return [Heard(rng.normal(size=(900, N_INPUTS)).astype(np.float16), labels) for _ in range(3)]


def test_a_run_that_is_over_is_not_repeated(tmp_path: Path) -> None:
    first = SpotterTrainer(sessions(), TINY, PLAN, tmp_path)
    losses = first.run()
    again = SpotterTrainer(sessions(), TINY, PLAN, tmp_path)
    assert again.run() == losses
    for name, weight in first.averaged.exported().items():
        np.testing.assert_array_equal(weight, again.averaged.exported()[name])


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    runs = [SpotterTrainer(sessions(), TINY, PLAN, tmp_path / name) for name in "ab"]
    for folder in "ab":
        (tmp_path / folder).mkdir()
    a, b = (run.run() for run in runs)
    assert a == b


def test_training_learns_what_is_asked(tmp_path: Path) -> None:
    heard = sessions()
    for one in heard:
        one.mels[290:330, :40] += 3.0
    plan = TrainingPlan(n_batches=150, batch=2, hard_share=0.0)
    trainer = SpotterTrainer(heard, TINY, plan, tmp_path)
    start = trainer.network.n_context
    losses = trainer.run()
    assert losses[-1] < losses[0]
    mels = np.concatenate([np.full((start, N_INPUTS), SILENT_MEL), heard[0].mels[:800]])
    p = torch.softmax(
        trainer.network.eval()(torch.from_numpy(mels.astype(np.float32))[None])[0], -1
    )
    of_stop = p[:, INDEX["stop"]].detach().numpy()
    assert of_stop[76:83].max() > 2.0 * of_stop[:60].mean()
