"""A linear layer whose weight is stored with 8 bits and one scale for each output.

Only the weight is rounded: what comes in keeps its range, which the rare large values of a language
model need. Knows no model. On GPUs it was not measured.
"""

# pyright: reportPrivateUsage=none
# torch offers the packed product, and the question whether it is there, under private names only.

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LARGEST = 127
_LEAST_SCALE = 1e-12  # of a row of zeros
# From so many rows on, widening the weight once is faster than the packed product (measured on a
# CPU with 3584 x 18 944: 24 ms for 11 rows, and 81 ms to widen).
_PACKED_ROWS = 32
_OPERATION = "aten::_weight_int8pack_mm"


class Int8Linear(nn.Module):
    """Called like the ``nn.Linear`` it is made of.

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
        """``states`` (…, in) to (…, out), in their own dtype."""
        rows = states.reshape(-1, self.in_features)
        if rows.shape[0] <= _PACKED_ROWS and _has_packed_product(states):
            out = torch._weight_int8pack_mm(rows, self.weight, self.scale)  # noqa: SLF001
        else:
            out = functional.linear(rows, self.weight.to(states.dtype)) * self.scale
        if self.bias is not None:
            out = out + self.bias
        return out.view(*states.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def _has_packed_product(states: Tensor) -> bool:
    """Whether this build of torch multiplies by packed weights on the device of ``states``."""
    if states.dtype is not torch.bfloat16:
        return False
    key = states.device.type.upper()
    return torch._C._dispatch_has_kernel_for_dispatch_key(_OPERATION, key)  # noqa: SLF001
