from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model.cascade.moonshine import TokenDraft

TOKENS = st.lists(st.integers(3, 20), max_size=25)


def n_runs(draft: list[int], said: list[int]) -> int:
    """How often a decoder runs that writes ``said`` and its end, reading ahead in ``draft``."""
    follower, written, n = TokenDraft(draft), 0, 0
    while written <= len(said):
        n += 1
        rest = said[written:]
        ahead = follower.ahead()
        n_right = next((i for i, t in enumerate(ahead) if rest[i : i + 1] != [t]), len(ahead))
        for token in rest[: n_right + 1]:
            follower.written(token)
        written += n_right + 1
    return n


def test_a_right_draft_takes_one_run() -> None:
    assert n_runs([5, 6, 7, 8], [5, 6, 7, 8]) == 1


def test_the_beginning_of_what_is_said_takes_one_run_and_the_rest_one_each() -> None:
    assert n_runs([5, 6, 7], [5, 6, 7, 8, 9]) == 3


def test_after_another_token_the_draft_goes_on() -> None:
    assert n_runs([5, 6, 7, 8, 9], [5, 10, 7, 8, 9]) == 2


def test_after_tokens_too_many_or_too_few_the_draft_goes_on() -> None:
    tail = [11, 12, 13, 14, 15, 16, 17, 18]
    assert n_runs([5, 6, 7, *tail], [5, *tail]) <= 3
    assert n_runs([5, *tail], [5, 6, 7, *tail]) <= 5


@given(TOKENS, TOKENS)
def test_no_draft_takes_more_runs_than_none(draft: list[int], said: list[int]) -> None:
    assert n_runs(draft, said) <= n_runs([], said) == len(said) + 1
