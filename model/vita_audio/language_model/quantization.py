"""Stores the linear layers of a block with 8 or 4 bits; its norms keep their dtype.

Meant for the backbone's blocks alone: MCTP modules, embeddings and head stay as they are. A stored
layer is a module that is called like the ``nn.Linear`` it replaces.

Whoever fuses weights (q, k, v or gate, up) does so before: 8-bit scales belong to one output row
and 4-bit scales to 64 weights of one row, so fused and separate layers are stored alike.
"""

# pyright: reportPrivateUsage=none
# torch offers the packed product, and the question whether it is there, under private names only.

import importlib
import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.errors import ModelError
from model.vita_audio.checkpoint.precision import Quantization

_BLOCK = 64  # weights that share one scale in 4-bit storage
_REMEDY = "python3 packaging/launch.py --speech-lm"


_LARGEST = 127
_LEAST_SCALE = 1e-12  # of a row of zeros
# From so many rows on, widening the weight once is faster than the packed product (measured on a
# CPU with 3584 x 18 944: 24 ms for 11 rows, and 81 ms to widen).
_PACKED_ROWS = 32
_OPERATION = "aten::_weight_int8pack_mm"


class Int8Linear(nn.Module):
    """A layer with 8 bits a weight and one scale an output, called like its ``nn.Linear``.

    Only the weight is rounded: what comes in keeps its range, which the rare large values of a
    language model need. On GPUs it was not measured.

    Attributes:
        weight: (out, in) int8.
        scale: (out,) in the dtype of the layer.
    """

    weight: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        full = linear.weight.detach().float()
        scale = (full.abs().amax(dim=1) / _LARGEST).clamp_min(_LEAST_SCALE)
        packed = (full / scale[:, None]).round().clamp(-_LARGEST, _LARGEST)
        self.register_buffer("weight", packed.to(torch.int8))
        self.register_buffer("scale", scale.to(linear.weight.dtype))
        self.bias: nn.Parameter | None = linear.bias

    def forward(self, states: Tensor) -> Tensor:
        """Return (…, out) of ``states`` (…, in), in their own dtype."""
        rows = states.reshape(-1, self.in_features)
        if rows.shape[0] <= _PACKED_ROWS and _has_packed_product(states):
            out = torch._weight_int8pack_mm(rows, self.weight, self.scale)  # noqa: SLF001
        else:
            out = functional.linear(rows, self.weight.to(states.dtype)) * self.scale
        if self.bias is not None:
            out = out + self.bias
        return out.view(*states.shape[:-1], self.out_features)


def quantize_linear(linear: nn.Linear, quantization: Quantization) -> nn.Module:
    """Return a layer that is called like ``linear``; itself where nothing is asked.

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


def quantize_layer(layer: nn.Module, quantization: Quantization) -> int:
    """Replace the linear layers inside ``layer``, which keeps its device; return how many.

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


def _has_packed_product(states: Tensor) -> bool:
    """Whether this build of torch multiplies by packed weights on the device of ``states``."""
    if states.dtype is not torch.bfloat16:
        return False
    key = states.device.type.upper()
    return torch._C._dispatch_has_kernel_for_dispatch_key(_OPERATION, key)  # noqa: SLF001


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
