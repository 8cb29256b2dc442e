from __future__ import annotations

import numpy as np
import pytest

from model.duplex.text_turn_detector import EXPECTED, N_EXPECTATIONS, ExpectedWords

N_STATE = 8


@pytest.fixture
def expected() -> ExpectedWords:
    """Token i is expected where value i % 8 of the state is high; ids run backwards."""
    table = np.eye(N_STATE, dtype=np.float32).repeat(20, axis=0)  # (160, 8)
    return ExpectedWords(table, list(range(len(EXPECTED)))[::-1])


def test_probabilities_are_those_of_the_whole_table(expected: ExpectedWords) -> None:
    state = np.random.default_rng(2).normal(size=(1, N_STATE)).astype(np.float32)
    p = np.exp(state[0]).repeat(20)
    p /= p.sum()
    found = expected.of(state)[0]
    assert found.shape == (N_EXPECTATIONS,)
    np.testing.assert_allclose(
        np.exp(found[: len(EXPECTED)]), p[len(EXPECTED) - 1 :: -1], rtol=1e-5
    )
    assert found[-2] == pytest.approx(-(p * np.log(p)).sum(), rel=1e-5)
    assert found[-1] == pytest.approx(np.log(p.max()), rel=1e-5)


def test_large_states_do_not_overflow(expected: ExpectedWords) -> None:
    assert np.isfinite(expected.of(np.full((2, N_STATE), 500.0, np.float32))).all()


def test_many_states_give_what_each_gives_alone(expected: ExpectedWords) -> None:
    states = np.random.default_rng(3).normal(size=(4, N_STATE)).astype(np.float32)
    alone = np.concatenate([expected.of(states[i : i + 1]) for i in range(4)])
    np.testing.assert_allclose(expected.of(states), alone, rtol=1e-5, atol=1e-6)


def test_each_expectation_is_listed_once() -> None:
    assert len(set(EXPECTED)) == len(EXPECTED)
