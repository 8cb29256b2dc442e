"""Drawing tokens."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from transformers.generation.logits_process import (  # noqa: E402
    RepetitionPenaltyLogitsProcessor,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from model.errors import ModelError  # noqa: E402
from model.vita_audio.decoding.output_head import Sampler, SamplingSettings  # noqa: E402


def test_greedy_takes_the_best():
    assert Sampler(SamplingSettings()).pick(torch.tensor([0.1, 3.0, 2.0])) == 1


def test_the_penalty_is_that_of_the_library():
    logits = torch.randn(50)
    seen = torch.tensor([3, 3, 9, 20])
    expected = RepetitionPenaltyLogitsProcessor(1.3)(seen[None], logits[None].clone())[0]
    sampler = Sampler(SamplingSettings(repetition_penalty=1.3))
    torch.testing.assert_close(sampler.penalised(logits.clone(), seen), expected)


def test_only_tokens_that_top_k_and_top_p_leave_are_drawn():
    logits = torch.randn(40, generator=torch.Generator().manual_seed(4)) * 2.0
    warped = TopPLogitsWarper(0.8)(None, TopKLogitsWarper(10)(None, logits[None] / 0.7))[0]
    left = {i for i, value in enumerate(warped.tolist()) if value > float("-inf")}
    sampler = Sampler(SamplingSettings(0.7, 10, 0.8, 1.0), seed=1)
    assert {sampler.pick(logits) for _ in range(600)} == left


def test_a_seed_repeats_its_draws_whoever_else_draws():
    logits = torch.zeros(100)
    settings = SamplingSettings(1.0, 0, 1.0, 1.0)
    one, other = Sampler(settings, seed=7), Sampler(settings, seed=7)
    drawn = [one.pick(logits) for _ in range(20)]
    torch.rand(5)
    assert [other.pick(logits) for _ in range(20)] == drawn
    assert len(set(drawn)) > 5


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"top_k": -1}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
    ],
)
def test_settings_outside_their_range_are_refused_by_name(fields, name):
    with pytest.raises(ModelError, match=name):
        SamplingSettings(**fields)
