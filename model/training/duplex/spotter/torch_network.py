"""The spotter in torch, as it is trained: with normalised layers, which are folded in the end."""

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from model.duplex.spotter.card import SpotterShape
from model.duplex.spotter.network import N_INPUTS, Array

_TAPS, _BLOCK_TAPS = 5, 3


class _Convolution(nn.Module):
    """A convolution over time without padding, normalised over the batch."""

    def __init__(
        self, n_in: int, n_out: int, taps: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_in, n_out, taps, stride, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.convolution(x))

    def folded(self) -> tuple[Array, Array]:
        """Return weight (n_out, taps x n_in) and bias of the same layer without its norm."""
        norm = self.norm
        variance, mean = cast(Tensor, norm.running_var), cast(Tensor, norm.running_mean)
        scale = norm.weight / torch.sqrt(variance + norm.eps)
        weight = self.convolution.weight * scale[:, None, None]  # [out, in, taps]
        bias = norm.bias - mean * scale
        return _array(weight.permute(0, 2, 1).reshape(len(weight), -1)), _array(bias)


class _Block(nn.Module):
    def __init__(self, width: int, inner: int, dilation: int) -> None:
        super().__init__()
        self.inside = _Convolution(width, inner, _BLOCK_TAPS, dilation=dilation)
        self.outside = _Convolution(inner, width, 1)
        nn.init.constant_(self.outside.norm.weight, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        added = self.outside(torch.relu(self.inside(x)))
        return x[..., -added.shape[-1] :] + added


class TorchSpotter(nn.Module):
    """Maps mels (batch, frames, 120) to logits (batch, steps, n_classes).

    There is no padding: ``n_context`` frames must come before the first step, and frames after it
    come in fours.
    """

    def __init__(self, shape: SpotterShape, n_classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape = shape
        self.register_buffer("mean", torch.zeros(N_INPUTS))
        self.register_buffer("std", torch.ones(N_INPUTS))
        self.front = nn.ModuleList(
            [
                _Convolution(N_INPUTS, shape.front_width, _TAPS, stride=2),
                _Convolution(shape.front_width, shape.width, _TAPS, stride=2),
            ]
        )
        self.blocks = nn.ModuleList(
            [_Block(shape.width, shape.block_width, dilation) for dilation in shape.dilations]
        )
        self.head = nn.Linear(shape.width, shape.head_width)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(shape.head_width, n_classes)

    @property
    def n_context(self) -> int:
        """Return how many frames before a step's own four have an influence on it."""
        return 4 * (_BLOCK_TAPS - 1) * sum(self.shape.dilations) + 9

    def forward(self, mels: Tensor) -> Tensor:
        x = ((mels - self.mean) / self.std).transpose(1, 2)
        for layer in self.front:
            x = torch.relu(layer(x))
        for block in self.blocks:
            x = block(x)
        head = torch.relu(self.head(self.dropout(x.transpose(1, 2))))
        return self.output(head)

    def exported(self) -> dict[str, Array]:
        """Return the weights as the network in numpy reads them."""
        weights = {"mean": _array(self.mean), "std": _array(self.std)}
        layers = {f"front.{i}": layer for i, layer in enumerate(self.front)}
        for i, block in enumerate(self.blocks):
            layers |= {f"blocks.{i}.in": block.inside, f"blocks.{i}.out": block.outside}
        for name, layer in layers.items():
            weights[f"{name}.weight"], weights[f"{name}.bias"] = cast(_Convolution, layer).folded()
        for name, layer in {"head": self.head, "output": self.output}.items():
            weights[f"{name}.weight"] = _array(layer.weight)
            weights[f"{name}.bias"] = _array(layer.bias)
        return weights


def loss_of(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted cross entropy of steps whose label is not negative."""
    return functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), weights, ignore_index=-1, label_smoothing=0.02
    )


def _array(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.detach().numpy(), np.float32)
