from __future__ import annotations

from itertools import pairwise

import pytest

from model.training.schedule import rate_factor


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
