"""Fused weights share their memory with the published parameters."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the speech-lm extra is not installed")
pytest.importorskip("transformers", reason="the speech-lm extra is not installed")

from torch import nn  # noqa: E402

from model.vita_audio.decoding.layer_weights import (  # noqa: E402
    Packing,
    can_pack,
    fused,
)


class Quantized(nn.Module):
    """A layer whose weight is no plain tensor."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear

    def forward(self, states):
        return self.linear(states)


def test_parameters_become_views_of_the_fused_tensor():
    layers = [nn.Linear(4, n) for n in (6, 2, 2)]
    states = torch.randn(3, 4)
    expected = torch.cat([layer(states) for layer in layers], dim=-1)
    projection = fused(layers)
    torch.testing.assert_close(projection(states), expected)
    storages = {layer.weight.untyped_storage().data_ptr() for layer in layers}
    assert storages == {projection.keywords["weight"].untyped_storage().data_ptr()}
    assert projection.keywords["weight"].untyped_storage().nbytes() == 10 * 4 * 4


def test_weights_are_fused_once():
    layers = [nn.Linear(4, n, bias=False) for n in (6, 2)]
    first, second = fused(layers), fused(layers)
    assert first.keywords["weight"].data_ptr() == second.keywords["weight"].data_ptr()


def test_layers_that_cannot_be_fused_are_called_as_they_are():
    layers = [Quantized(nn.Linear(4, n)) for n in (6, 2)]
    states = torch.randn(3, 4)
    projection = fused(layers)
    expected = torch.cat([layer(states) for layer in layers], dim=-1)
    torch.testing.assert_close(projection(states), expected)


@pytest.mark.parametrize("packing", [Packing.COPY, Packing.RELEASE])
def test_packed_layers_compute_the_same_and_may_give_up_the_model_s_tensors(packing):
    layers = [nn.Linear(64, n).to(torch.bfloat16) for n in (96, 32)]
    if not can_pack(layers[0].weight):
        pytest.skip("this processor multiplies no 16-bit numbers itself")
    for n in (1, 11, 200):
        layers = [nn.Linear(64, n).to(torch.bfloat16) for n in (96, 32)]
        states = torch.randn(2, n, 64).to(torch.bfloat16)
        with torch.inference_mode():
            expected = torch.cat([layer(states) for layer in layers], dim=-1)
            projection = fused(layers, packing)
            torch.testing.assert_close(projection(states), expected)
        n_left = sum(layer.weight.numel() for layer in layers)
        assert n_left == (0 if packing is Packing.RELEASE else 128 * 64)


def test_only_16_bit_weights_in_main_memory_are_packed():
    assert not can_pack(torch.empty(4, 4))
    assert not can_pack(torch.empty(4, 4, dtype=torch.bfloat16, device="meta"))
