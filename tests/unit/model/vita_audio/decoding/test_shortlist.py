"""The shortlist head draws what the full head draws."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from model.vita_audio.decoding.output_head import AllowedTokens, FullHead, Sampler, SamplingSettings  # noqa: E402  # noqa: E402
from model.vita_audio.decoding.shortlist import ShortlistHead, head_for  # noqa: E402

N_ROWS, WIDTH = 9001, 256
ALLOWED = AllowedTokens(70, 4001, (71, 100))


def states(n, dtype, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((n, WIDTH), generator=generator).to(dtype)


@pytest.fixture(scope="module", params=["float32", "float64", "bfloat16"])
def weight(request):
    generator = torch.Generator().manual_seed(0)
    rows = 0.02 * torch.randn((N_ROWS, WIDTH), generator=generator)
    rows[5, 3] = 1.0  # an outlier makes its group coarse
    return rows.to(getattr(torch, request.param))


@pytest.mark.parametrize("allowed", [None, ALLOWED], ids=["all", "some"])
@pytest.mark.parametrize("penalty", [1.0, 1.3, 0.8])
def test_greedy_choices_are_those_of_the_full_head(weight, allowed, penalty):
    short, full = ShortlistHead(weight), FullHead(weight)
    sampler = Sampler(SamplingSettings(repetition_penalty=penalty))
    exact = weight.double()
    first, end = (allowed.first, allowed.end) if allowed else (0, N_ROWS)
    for state in states(40, weight.dtype):
        # Tokens that would win without the penalty.
        seen = (exact[first:end] @ state.double()).topk(3).indices + first
        chosen = short.choose(state, seen, sampler, allowed)
        expected = full.choose(state, seen, sampler, allowed)
        if weight.dtype is torch.bfloat16:
            # Scores of 16 bits tie; which of the tied wins is the product's rounding.
            scores = exact @ state.double()
            assert abs(float(scores[chosen] - scores[expected])) <= 0.02
        else:
            assert chosen == expected


def test_every_bound_holds(weight):
    scan = ShortlistHead(weight)._scan_of(AllowedTokens(0, N_ROWS))
    for state in states(20, weight.dtype):
        with torch.inference_mode():
            approximate, most = scan.scores(state)
        exact = weight.double() @ state.double()
        assert bool((most >= exact).all())
        assert float((most - approximate).median()) < 0.9


def test_top_k_draws_are_those_of_the_full_head():
    weight = 0.02 * torch.randn((N_ROWS, WIDTH), generator=torch.Generator().manual_seed(0))
    settings = SamplingSettings(0.9, 20, 0.9, 1.1)
    drawn = []
    for head in (ShortlistHead(weight), FullHead(weight)):
        sampler = Sampler(settings, seed=3)
        seen = torch.tensor([4, 9, 9, 100])
        drawn.append([head.choose(s, seen, sampler, None) for s in states(60, torch.float32)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 30


def test_a_state_that_decides_nothing_falls_back_to_all_rows():
    weight = torch.full((N_ROWS, WIDTH), 0.01)
    weight += 1e-7 * torch.randn((N_ROWS, WIDTH), generator=torch.Generator().manual_seed(0))
    head = ShortlistHead(weight)
    sampler = Sampler(SamplingSettings())
    state = states(1, torch.float32)[0]
    nothing = torch.zeros(0, dtype=torch.int64)
    expected = FullHead(weight).choose(state, nothing, sampler, None)
    assert head.choose(state, nothing, sampler, None) == expected
    assert head.n_full == 1


def test_only_a_large_vocabulary_in_main_memory_is_worth_a_copy():
    assert ShortlistHead.fits(torch.empty(20_000, 64))
    assert not ShortlistHead.fits(torch.empty(100, 64))
    assert isinstance(head_for(torch.zeros(100, 64)), FullHead)
    assert isinstance(head_for(torch.zeros(9000, 64)), ShortlistHead)
    assert not ShortlistHead.fits(torch.empty(20_000, 50))
    assert not ShortlistHead.fits(torch.empty(20_000, 64, device="meta"))
