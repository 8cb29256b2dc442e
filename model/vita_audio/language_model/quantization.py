"""Stores the linear layers of a block with 8 or 4 bits; its norms keep their dtype.

Meant for the backbone's blocks alone: MCTP modules, embeddings and head stay as they are. Knows no
memory and no reason (``precision``) and nothing of how layers are run: a stored layer is a module
that is called like the ``nn.Linear`` it replaces.

Whoever fuses weights (q, k, v or gate, up) does so before: 8-bit scales belong to one output row
and 4-bit scales to 64 weights of one row, so fused and separate layers are stored alike.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from torch import nn

from model.errors import ModelError
from model.vita_audio.checkpoint.precision import Quantization
from model.vita_audio.language_model.int8_linear import Int8Linear

_BLOCK = 64  # weights that share one scale in 4-bit storage
_REMEDY = "python3 packaging/launch.py --speech-lm"


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
