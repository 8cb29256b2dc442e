"""In which number format the large networks run; the pitch and the sampler stay in float32.

Speed decides on a CPU: processors with bfloat16 instructions take a third of the time of float32.
"""

from __future__ import annotations

import torch

_CPU_FEATURES = ("avx512_bf16", "amx_bf16")


def best_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the processor multiplies it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu":
        features = torch.cpu.get_capabilities()
        if any(features.get(name) for name in _CPU_FEATURES):
            return torch.bfloat16
    return torch.float32
