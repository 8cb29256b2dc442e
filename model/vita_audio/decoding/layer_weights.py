"""The network's weights as a step needs them: q/k/v one product, gate/up one product.

Memory is not doubled: the published parameters become views of the fused tensors, or are given up
for a layout that the processor reads faster. Quantized layers are called as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import cast

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


Projection = Callable[[Tensor], Tensor]  # (…, in) to (…, out)


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The weights of one Qwen2 decoder layer."""

    input_norm: Tensor
    qkv: Projection
    output: Projection
    mlp_norm: Tensor
    gate_up: Projection
    down: Projection


@dataclass(frozen=True, slots=True)
class ModuleWeights:
    """The weights of one MCTP module but for what it shares with the backbone."""

    embed_norm: Tensor
    hidden_norm: Tensor
    projection: Projection
    layer: LayerWeights


def can_pack(weight: Tensor) -> bool:
    """Return whether the packed layout exists for ``weight`` and is faster."""
    is_narrow = weight.device.type == "cpu" and weight.dtype is torch.bfloat16
    return is_narrow and has_packed_bfloat16()


def fused(layers: Sequence[nn.Module], packing: Packing = Packing.NONE) -> Projection:
    """Return one product of ``layers`` that read the same states.

    Not packed, the parameters of dense layers are moved into one tensor and become views of it;
    fused again, the same tensor is found. One layer at a time is held twice.
    """
    if not all(_is_dense(layer) for layer in layers):
        if len(layers) == 1:
            return layers[0]
        return lambda states: torch.cat([layer(states) for layer in layers], dim=-1)
    weights = [cast(nn.Parameter, layer.weight) for layer in layers]
    biases = [cast(nn.Parameter | None, layer.bias) for layer in layers]
    with_bias = [bias for bias in biases if bias is not None]
    bias = _joined(with_bias) if with_bias else None
    if packing is Packing.NONE:
        return partial(functional.linear, weight=_joined(weights), bias=bias)
    # The layout of oneDNN takes half the time for a few rows of 16-bit numbers.
    packed = torch.ops.mkldnn._reorder_linear_weight(  # noqa: SLF001
        torch.cat([weight.data for weight in weights]), _PACKED_FOR_ROWS
    )
    if packing is Packing.RELEASE:
        for weight in weights:
            weight.data = weight.data.new_empty(0)
    return lambda states: torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001
        states, packed, bias, "none", [], ""
    )


def layer_weights(layer: Qwen2DecoderLayer, packing: Packing) -> LayerWeights:
    """Return the weights of one decoder layer."""
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
    """Return the weights of the backbone's layers."""
    layers = model.model.layers[: model.num_backbone_layers]
    return tuple(layer_weights(cast(Qwen2DecoderLayer, layer), packing) for layer in layers)


def module_weights(model: VitaAudioForCausalLM, packing: Packing) -> tuple[ModuleWeights, ...]:
    """Return the weights of the MCTP modules."""
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
