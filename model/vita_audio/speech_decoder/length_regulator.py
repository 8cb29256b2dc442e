"""Stretches the encoded codes to the frame rate of the mel and smooths them.

Source: the regulator of CosyVoice's flow model. Knows no code and no sampler.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

_SMOOTHING_KERNEL = 3


class LengthRegulator(nn.Module):
    """Nearest neighbour in time, then convolutions.

    Its group normalisation runs over all frames of a call: the output of a frame depends on how
    many others are there, so nothing of it can be reused in a later call.
    """

    def __init__(self, n_mels: int, n_layers: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(n_layers):
            convolution = nn.Conv1d(n_mels, n_mels, _SMOOTHING_KERNEL, padding="same")
            layers += [convolution, nn.GroupNorm(1, n_mels), nn.Mish()]
        layers.append(nn.Conv1d(n_mels, n_mels, 1))
        self.model = nn.Sequential(*layers)

    def forward(self, encoded: Tensor, n_frames: int) -> Tensor:
        # encoded (1, codes, 80) -> (1, 80, frames)
        stretched = functional.interpolate(encoded.transpose(1, 2), size=n_frames, mode="nearest")
        return self.model(stretched)
