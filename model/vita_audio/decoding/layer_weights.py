"""The network's weights as a step needs them: q/k/v one product, gate/up one product.

Memory is not doubled: the published parameters become views of the fused tensors, or are given up
for a layout that the processor reads faster. Quantized layers are called as they are. Knows no
cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer

from model.vita_audio.language_model.modeling import VitaAudioForCausalLM
from model.vita_audio.number_format import has_packed_bfloat16

_PACKED_FOR_ROWS = 16  # a step has 1 to 15 tokens; other numbers work, a little slower


class Packing(StrEnum):
    """Where the weights of the layers live.

    Attributes:
        NONE: the model's own tensors; its parameters become views of the fused ones.
        COPY: a packed copy; the model stays usable.
        RELEASE: a packed copy, and the model's own tensors are emptied one layer at a time.
    """

    NONE = "none"
    COPY = "copy"
    RELEASE = "release"


class Projection(Protocol):
    """(…, in) to (…, out)."""

    def __call__(self, states: Tensor, /) -> Tensor: ...


class DenseProjection:
    """One matrix product."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight = weight
        self.bias = bias

    def __call__(self, states: Tensor, /) -> Tensor:
        return functional.linear(states, self.weight, self.bias)


class PackedProjection:
    """One matrix product in the layout of oneDNN: half the time of ``DenseProjection`` for a few
    rows of 16-bit numbers.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._bias = bias
        self._weight = torch.ops.mkldnn._reorder_linear_weight(  # noqa: SLF001
            weight, _PACKED_FOR_ROWS
        )

    def __call__(self, states: Tensor, /) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001
            states, self._weight, self._bias, "none", [], ""
        )


class SplitProjection:
    """Layers that cannot be fused, such as quantized ones, side by side."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        self._layers = tuple(layers)

    def __call__(self, states: Tensor, /) -> Tensor:
        return torch.cat([layer(states) for layer in self._layers], dim=-1)


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One Qwen2 decoder layer."""

    input_norm: Tensor
    qkv: Projection
    output: Projection
    mlp_norm: Tensor
    gate_up: Projection
    down: Projection


@dataclass(frozen=True, slots=True)
class ModuleWeights:
    """One MCTP module but for what it shares with the backbone."""

    embed_norm: Tensor
    hidden_norm: Tensor
    projection: Projection
    layer: LayerWeights


def can_pack(weight: Tensor) -> bool:
    """Return whether the packed layout exists for ``weight`` and is faster."""
    is_narrow = weight.device.type == "cpu" and weight.dtype is torch.bfloat16
    return is_narrow and has_packed_bfloat16()


def fused(layers: Sequence[nn.Module], packing: Packing = Packing.NONE) -> Projection:
    """One product of ``layers`` that read the same states.

    Not packed, the parameters of dense layers are moved into one tensor and become views of it;
    fused again, the same tensor is found. One layer at a time is held twice.
    """
    if not all(_is_dense(layer) for layer in layers):
        return layers[0] if len(layers) == 1 else SplitProjection(layers)
    weights = [cast(nn.Parameter, layer.weight) for layer in layers]
    biases = [cast(nn.Parameter | None, layer.bias) for layer in layers]
    with_bias = [bias for bias in biases if bias is not None]
    bias = _joined(with_bias) if with_bias else None
    if packing is Packing.NONE:
        return DenseProjection(_joined(weights), bias)
    packed = PackedProjection(torch.cat([weight.data for weight in weights]), bias)
    if packing is Packing.RELEASE:
        for weight in weights:
            weight.data = weight.data.new_empty(0)
    return packed


def layer_weights(layer: Qwen2DecoderLayer, packing: Packing) -> LayerWeights:
    attention, mlp = layer.self_attn, layer.mlp
    return LayerWeights(
        input_norm=layer.input_layernorm.weight.detach(),
        qkv=fused((attention.q_proj, attention.k_proj, attention.v_proj), packing),
        output=fused((attention.o_proj,), packing),
        mlp_norm=layer.post_attention_layernorm.weight.detach(),
        gate_up=fused((mlp.gate_proj, mlp.up_proj), packing),
        down=fused((mlp.down_proj,), packing),
    )


def backbone_weights(model: VitaAudioForCausalLM, packing: Packing) -> tuple[LayerWeights, ...]:
    layers = model.model.layers[: model.num_backbone_layers]
    return tuple(layer_weights(cast(Qwen2DecoderLayer, layer), packing) for layer in layers)


def module_weights(model: VitaAudioForCausalLM, packing: Packing) -> tuple[ModuleWeights, ...]:
    blocks = model.model.layers[model.num_backbone_layers :]
    return tuple(
        ModuleWeights(
            embed_norm=cast(Tensor, model.mtp_embed_norms[k].weight).detach(),
            hidden_norm=cast(Tensor, model.mtp_hidden_norms[k].weight).detach(),
            projection=fused((model.mtp_projs[k],), packing),
            layer=layer_weights(cast(Qwen2DecoderLayer, blocks[k]), packing),
        )
        for k in range(model.num_mctp_modules)
    )


def _is_dense(layer: nn.Module) -> bool:
    if type(layer) is not nn.Linear:
        return False
    # Quantized weights are tensor subclasses behind an ordinary layer.
    return type(layer.weight.data) is Tensor and layer.weight.is_floating_point()


def _joined(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Of (n_i, …) each, one (sum of n_i, …) that they are views of."""
    first = parameters[0]
    if len(parameters) == 1:
        return first.detach()
    n_rows = [parameter.shape[0] for parameter in parameters]
    if _follow_each_other(parameters):
        return first.data.as_strided((sum(n_rows), *first.shape[1:]), first.stride())
    joined = torch.cat([parameter.data for parameter in parameters])
    for parameter, rows in zip(parameters, joined.split(n_rows), strict=True):
        parameter.data = rows
    return joined


def _follow_each_other(parameters: Sequence[nn.Parameter]) -> bool:
    """Whether they already are neighbours in one block of memory."""
    block = parameters[0].untyped_storage().data_ptr()
    at = parameters[0].data_ptr()
    for parameter in parameters:
        in_block = parameter.untyped_storage().data_ptr() == block
        if not (in_block and parameter.is_contiguous() and parameter.data_ptr() == at):
            return False
        at += parameter.numel() * parameter.element_size()
    return True
