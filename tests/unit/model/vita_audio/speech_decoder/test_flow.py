import itertools
import math

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")


@pytest.fixture
def flow(decoder):
    return decoder._flow


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_batched_guidance_equals_two_calls(flow):
    x, conditions = randn(1, 8, 41), randn(1, 24, 41, seed=1)
    offsets = flow.estimator.time_offsets(0.4)

    guided = flow.estimator(torch.cat((x, conditions), dim=1), offsets)
    free = flow.estimator(torch.cat((x, torch.zeros_like(conditions)), dim=1), offsets)

    expected = 1.7 * guided - 0.7 * free
    assert torch.allclose(flow.velocity(x, conditions, 0.4), expected, atol=1e-5)


def test_steps_follow_the_cosine_schedule(flow):
    conditions, noise = randn(1, 24, 20), randn(1, 8, 20, seed=1)
    times = [1 - math.cos(math.pi / 2 * i / 3) for i in range(4)]
    expected = noise
    for start, stop in itertools.pairwise(times):
        expected = expected + (stop - start) * flow.velocity(expected, conditions, start)

    states = list(flow.sample(conditions, noise, n_steps=3))

    assert times[-1] == pytest.approx(1.0)
    assert len(states) == 3
    assert torch.allclose(states[-1], expected, atol=1e-6)


def test_conditions_hold_the_fixed_mel_and_the_bias_as_speaker(flow):
    fixed = randn(1, 8, 13)

    conditions = flow.conditions(torch.tensor([[5, 6, 7]]), 20, fixed)

    assert conditions.shape == (1, 24, 20)
    assert torch.equal(conditions[:, 16:, :13], fixed)
    assert not conditions[:, 16:, 13:].any()
    assert torch.equal(conditions[0, 8:16, 4], flow.spk_embed_affine_layer.bias)


@pytest.mark.parametrize("n_frames", [6, 7, 13, 41, 55])
def test_any_number_of_frames_goes_through_the_network(flow, n_frames):
    assert flow.velocity(randn(1, 8, n_frames), randn(1, 24, n_frames), 0.1).shape[-1] == n_frames


def test_time_embedding_is_the_published_sinusoid(flow):
    mlp = flow.estimator.time_mlp
    half = mlp.linear_1.in_features // 2
    angles = [0.25 * 1000 * math.exp(-math.log(10_000) * i / (half - 1)) for i in range(half)]
    sinusoid = torch.tensor([*map(math.sin, angles), *map(math.cos, angles)])

    expected = mlp.linear_2(torch.nn.functional.silu(mlp.linear_1(sinusoid)))

    assert torch.allclose(mlp(0.25)[0], expected, atol=1e-4)
