"""Stores the backbone's linear layers with 8 or 4 bits; all other parts keep their dtype.

MCTP blocks, their projections, the embeddings, the head and every norm stay as they were. Knows no
memory and no reason (``precision``) and nothing of how layers are run: a stored layer is a module
that is called like the ``nn.Linear`` it replaces.

Whoever fuses weights (q, k, v or gate, up) does so before: 8-bit scales belong to one output row
and 4-bit scales to 64 weights of one row, so fused and separate layers are stored alike.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any, Protocol

import torch
from torch import nn

from model.errors import ModelError
from model.vita_audio.int8_linear import Int8Linear
from model.vita_audio.precision import Quantization

_BLOCK = 64  # weights that share one scale in 4-bit storage
_REMEDY = "python3 packaging/launch.py --speech-lm"


class BackboneOwner(Protocol):
    """Of a language model, what is quantised: the first layers of ``model.layers``."""

    @property
    def num_backbone_layers(self) -> int: ...

    @property
    def model(self) -> Any: ...  # noqa: ANN401  torch types the members of a module as unions


def quantize_backbone(
    owner: BackboneOwner, quantization: Quantization, device: torch.device | str
) -> int:
    """Moves the backbone's layers to ``device``, one at a time, stored as ``quantization`` says.

    The peak on the device is the stored layers and one layer in full. The rest of the model is
    left where it is.

    Returns:
        Number of linear layers that were replaced.

    Raises:
        ModelError: 4 bits are asked for and bitsandbytes is not installed.
    """
    n_replaced = 0
    for layer in list(owner.model.layers)[: owner.num_backbone_layers]:
        if quantization is not Quantization.NONE:
            n_replaced += quantize_layer(layer, quantization)
        layer.to(device)
    return n_replaced


def quantize_linear(linear: nn.Linear, quantization: Quantization) -> nn.Module:
    """A layer that is called like ``linear``; ``linear`` itself where nothing is asked.

    Weights only: 8-bit by rows (``Int8Linear``), 4-bit NF4 in blocks of 64 (bitsandbytes).

    Raises:
        ModelError: 4 bits are asked for and bitsandbytes is not installed.
    """
    if quantization is Quantization.NONE:
        return linear
    if quantization is Quantization.INT8:
        return Int8Linear(linear)
    library = _library()
    has_bias = isinstance(linear.bias, nn.Parameter)  # pyright: ignore[reportUnnecessaryIsInstance]
    stored = library.nn.Linear4bit(
        linear.in_features,
        linear.out_features,
        has_bias,
        compute_dtype=linear.weight.dtype,
        compress_statistics=False,
        quant_type="nf4",
        device="meta",
    )
    stored.weight = library.nn.Params4bit(
        linear.weight.data,
        requires_grad=False,
        blocksize=_BLOCK,
        compress_statistics=False,
        quant_type="nf4",
    )
    stored.bias = linear.bias
    return stored.to(linear.weight.device)


def is_quantized(module: nn.Module) -> bool:
    """Whether the weight of a linear layer is packed: it must be called, never read."""
    weight = getattr(module, "weight", None)
    return isinstance(weight, torch.Tensor) and not weight.dtype.is_floating_point


def quantize_layer(layer: nn.Module, quantization: Quantization) -> int:
    """Replaces the linear layers inside ``layer``, which keeps its device; returns how many.

    Raises:
        ModelError: 4 bits are asked for and bitsandbytes is not installed.
    """
    found = [
        (parent, name, child)
        for parent in layer.modules()
        for name, child in parent.named_children()
        if type(child) is nn.Linear
    ]
    for parent, name, child in found:
        setattr(parent, name, quantize_linear(child, quantization))
    return len(found)


def _library() -> Any:  # noqa: ANN401  an optional package without types
    try:
        with warnings.catch_warnings():
            # Its import meets a function that torch has deprecated.
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module("bitsandbytes")
    except ImportError as error:
        raise ModelError(
            f"4-bit weights need bitsandbytes: run {_REMEDY}, or choose 8 bits"
        ) from error
