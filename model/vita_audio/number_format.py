"""In which number format the large networks run; the pitch and the sampler stay in float32.

Speed decides on a CPU: processors with bfloat16 instructions take a third of the time of float32.
"""

import torch

_CPU_FEATURES = ("avx512_bf16", "amx_bf16")


def best_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the processor multiplies it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.type == "cpu":
        features = torch.cpu.get_capabilities()
        if any(features.get(name) for name in _CPU_FEATURES):
            return torch.bfloat16
    return torch.float32


def decoding_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where few rows are multiplied faster so, for half of the memory is read."""
    is_narrow = device.type != "cpu" or has_packed_bfloat16()
    return torch.bfloat16 if is_narrow else torch.float32


def has_packed_bfloat16() -> bool:
    """Return whether oneDNN has packed products of bfloat16 for this processor."""
    return torch.backends.mkldnn.is_available() and (
        torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001
    )
