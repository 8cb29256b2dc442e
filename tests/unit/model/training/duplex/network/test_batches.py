# ruff: noqa: E402  what is imported below needs torch
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")

from model.duplex.frame_features import feature_slices
from model.duplex.outcomes import OVERLAP, USER_FLOOR
from model.training.duplex.data.dataset import Clip, read_clips
from model.training.duplex.network.batches import disturb, in_order, pack, shuffled
from model.training.duplex.network.torch_network import masked
from tests.fakes.duplex_clips import write_clips

SLICES = feature_slices()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    return read_clips(write_clips(tmp_path_factory.mktemp("clips"), is_marked=True), ("train",))


def test_every_clip_comes_once_an_epoch(clips: list[Clip]) -> None:
    names = sorted(clip.id for clip in clips)
    for batches in (in_order(clips, 7), shuffled(clips, 7, np.random.default_rng(0))):
        assert sorted(clip.id for batch in batches for clip in batch) == names


def test_what_is_not_scored_weighs_nothing(clips: list[Clip]) -> None:
    batch = pack(clips[:4])
    assert (batch.weights[batch.outcomes == -1] == 0).all()
    assert (batch.weights[batch.outcomes != -1] > 0).all()


def test_marked_moments_weigh_more(clips: list[Clip]) -> None:
    plain, marked = pack(clips[:2]), pack(clips[:2], marked_weight=3.0)
    assert torch.equal(marked.weights[0], 3.0 * plain.weights[0])
    assert torch.equal(marked.weights[1], plain.weights[1])


def test_disturbing_leaves_time_alone_and_drops_whole_detectors(clips: list[Clip]) -> None:
    features = pack(clips * 4).features
    features[..., SLICES["text_head"]] = 1.0
    before = features.clone()
    disturb(features, np.random.default_rng(0))
    for group in ("turn", "overlap", "agent", "voice"):
        assert torch.equal(features[..., SLICES[group]], before[..., SLICES[group]])
    assert not torch.equal(features[..., SLICES["mel"]], before[..., SLICES["mel"]])
    heads = features[..., SLICES["text_head"]].flatten(1)
    is_dropped = (heads == 0.0).all(dim=1)
    assert ((heads == 1.0).all(dim=1) | is_dropped).all()
    assert 0.1 < float(is_dropped.float().mean()) < 0.6


def test_the_same_seed_disturbs_the_same_way(clips: list[Clip]) -> None:
    one, other = pack(clips[:6]).features, pack(clips[:6]).features
    disturb(one, np.random.default_rng(3))
    disturb(other, np.random.default_rng(3))
    assert torch.equal(one, other)


def test_outcomes_that_cannot_be_now_have_no_probability() -> None:
    p = masked(torch.randn(2, 3, 5), torch.tensor([[False] * 3, [True] * 3])).softmax(dim=-1)
    assert torch.allclose(p[0, :, list(USER_FLOOR)].sum(-1), torch.ones(3))
    assert torch.allclose(p[1, :, list(OVERLAP)].sum(-1), torch.ones(3))
