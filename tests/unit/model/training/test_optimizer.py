from __future__ import annotations

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.training.initialisation import freeze_all_but_modules  # noqa: E402
from model.training.optimizer import make_optimizer, rate_factor, set_rates  # noqa: E402
from model.training.recipe import Adam, StageRecipe, TrainingError  # noqa: E402
from model.vita_audio.language_model.model_config import BackboneSize, make_config  # noqa: E402
from model.vita_audio.language_model.modeling import VitaAudioForCausalLM  # noqa: E402

FINE_TUNING = StageRecipe(rate=5e-5, steps=10, module_rate_factor=10.0, weight_decay=0.1)


@pytest.fixture
def model():
    size = BackboneSize(hidden=16, mlp=24, layers=2, heads=2, kv_heads=1, max_positions=64)
    return VitaAudioForCausalLM(make_config(size, k=2, vocabulary_rows=32))


def settings_by_name(model, optimizer):
    found = {}
    for group in optimizer.param_groups:
        for one in group["params"]:
            found[id(one)] = (group["lr"], group["weight_decay"])
    return {name: found.get(id(one)) for name, one in model.named_parameters()}


def test_modules_learn_at_ten_times_the_rate(model):
    found = settings_by_name(model, make_optimizer(model, 2, FINE_TUNING, Adam()))
    for name, (rate, _) in found.items():
        is_of_module = name.startswith(("mtp_", "model.layers.2.", "model.layers.3."))
        assert rate == pytest.approx(5e-4 if is_of_module else 5e-5), name


def test_matrices_decay_and_norms_and_biases_do_not(model):
    found = settings_by_name(model, make_optimizer(model, 2, FINE_TUNING, Adam()))
    for name, (_, decay) in found.items():
        is_matrix = "norm" not in name and not name.endswith("bias")
        assert decay == (0.1 if is_matrix else 0.0), name


def test_frozen_parts_are_not_the_optimizers(model):
    freeze_all_but_modules(model)
    found = settings_by_name(model, make_optimizer(model, 2, FINE_TUNING, Adam()))
    kept = {name for name, one in found.items() if one is not None}
    assert kept == {name for name, one in model.named_parameters() if one.requires_grad}
    model.requires_grad_(False)
    with pytest.raises(TrainingError, match="nothing of the model learns"):
        make_optimizer(model, 2, FINE_TUNING, Adam())


def test_rates_are_factors_of_the_highest_ones(model):
    optimizer = make_optimizer(model, 2, FINE_TUNING, Adam())
    assert set_rates(optimizer, 0.5) == pytest.approx(2.5e-5)
    assert set_rates(optimizer, 0.1) == pytest.approx(5e-6)
    assert {round(group["lr"], 9) for group in optimizer.param_groups} == {5e-6, 5e-5}


def test_adam_is_that_of_the_paper(model):
    group = make_optimizer(model, 2, FINE_TUNING, Adam()).param_groups[0]
    assert (group["betas"], group["eps"]) == ((0.9, 0.95), 1e-8)


def test_rate_rises_in_the_first_part_and_falls_to_the_floor():
    factors = [rate_factor(step, 1000, 0.03, 0.1) for step in range(1000)]
    top = factors.index(max(factors))
    assert top in (28, 29)
    assert max(factors) == pytest.approx(1.0)
    assert all(a < b for a, b in pairwise(factors[: top + 1]))
    assert all(a >= b for a, b in pairwise(factors[top:]))
    assert factors[-1] == pytest.approx(0.1, abs=1e-4)


def test_factors_are_those_of_deepspeed_from_its_second_step_on():
    """WarmupCosineLR(total_num_steps=100, warmup_num_steps=10, cos_min_ratio=0.1)."""
    expected = {
        0: 0.30103,
        1: 0.47712,
        4: 0.77815,
        8: 1.0,
        10: 0.9989,
        54: 0.5343,
        98: 0.1,
        99: 0.1,
    }
    for step, factor in expected.items():
        assert rate_factor(step, 100, 0.1, 0.1) == pytest.approx(factor, abs=1e-5), step


@pytest.mark.parametrize("n_steps", [1, 2, 3, 10])
def test_short_runs_have_a_rate_at_every_step(n_steps):
    assert all(0.1 <= rate_factor(step, n_steps, 0.03, 0.1) <= 1.0 for step in range(n_steps))
