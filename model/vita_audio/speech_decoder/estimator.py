"""The velocity network of the flow: a one-dimensional U-Net of resnets and transformer blocks.

Source: Matcha-TTS decoder as CosyVoice sets it up. Parameter names are those of the published
file; that they are complete is not verified. Every call holds whole sequences, so there are no
masks. Shapes are (B, channels, T) between the blocks; B is 2, with and without conditions.
"""

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.vita_audio.speech_decoder.decoder_config import EstimatorConfig

_GROUPS = 8
_KERNEL = 3
_TIME_SCALE = 1000.0
_TIME_BASE = 10_000.0
_WIDENING = 4  # of the time embedding and the feed-forward


class Estimator(nn.Module):
    """The network that gives the velocity of a noisy mel."""

    def __init__(self, n_mels: int, config: EstimatorConfig) -> None:
        super().__init__()
        channels = config.channels
        self.input_width = 4 * n_mels
        time_width = _WIDENING * channels[0]
        self.time_mlp = TimeMlp(self.input_width, time_width)
        inner = list(zip((self.input_width, *channels[:-1]), channels, strict=True))
        self.down_blocks = nn.ModuleList(
            UnetBlock(before, after, config, _down(after, is_last=i == len(inner) - 1))
            for i, (before, after) in enumerate(inner)
        )
        self.mid_blocks = nn.ModuleList(
            UnetBlock(channels[-1], channels[-1], config) for _ in range(config.n_mid_blocks)
        )
        outward = list(zip(channels[::-1], (*channels[-2::-1], channels[0]), strict=True))
        self.up_blocks = nn.ModuleList(
            UnetBlock(2 * before, after, config, _up(after, is_last=i == len(outward) - 1))
            for i, (before, after) in enumerate(outward)
        )
        self.final_block = ConvolutionBlock(channels[0], channels[0])
        self.final_proj = nn.Conv1d(channels[0], n_mels, 1)

    def time_offsets(self, t: float) -> list[Tensor]:
        """Return what each resnet adds at time ``t`` in [0, 1]: (1, channels, 1), in call order."""
        embedded = functional.mish(self.time_mlp(t))
        blocks = (*_blocks(self.down_blocks), *_blocks(self.mid_blocks), *_blocks(self.up_blocks))
        return [block.resnet.time_offset(embedded) for block in blocks]

    def forward(self, stacked: Tensor, offsets: list[Tensor]) -> Tensor:
        """Return (B, 80, T) of mel and conditions ``stacked`` (B, 320, T).

        ``offsets`` are those of ``time_offsets``.
        """
        x = stacked
        remaining = iter(offsets)
        skips: list[Tensor] = []
        for block in _blocks(self.down_blocks):
            x = block(x, next(remaining))
            skips.append(x)
            x = block.resample(x)
        for block in _blocks(self.mid_blocks):
            x = block(x, next(remaining))
        for block in _blocks(self.up_blocks):
            skip = skips.pop()
            x = torch.cat((x[..., : skip.shape[-1]], skip), dim=1)
            x = block.resample(block(x, next(remaining)))
        return self.final_proj(self.final_block(x))


class TimeMlp(nn.Module):
    """The embedding of a time."""

    def __init__(self, input_width: int, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(input_width, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, t: float) -> Tensor:
        """Return (1, width) of ``t`` in [0, 1]."""
        weight = self.linear_1.weight
        half = self.linear_1.in_features // 2
        ladder = torch.arange(half, device=weight.device, dtype=torch.float32)
        angles = t * _TIME_SCALE * torch.exp(ladder * (-math.log(_TIME_BASE) / (half - 1)))
        sinusoid = torch.cat((angles.sin(), angles.cos()))[None].to(weight.dtype)
        return self.linear_2(functional.silu(self.linear_1(sinusoid)))


class ConvolutionBlock(nn.Module):
    """A convolution with its norm and activation."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv1d(before, after, _KERNEL, padding=_KERNEL // 2),
            nn.GroupNorm(_GROUPS, after),
            nn.Mish(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, after, T) of ``x`` (B, before, T)."""
        return self.block(x)


class Resnet(nn.Module):
    """Two convolutions with a time offset between them, and a shortcut."""

    def __init__(self, before: int, after: int, time_width: int) -> None:
        super().__init__()
        # index 0 is the activation, taken once for all resnets
        self.mlp = nn.ModuleList([nn.Identity(), nn.Linear(time_width, after)])
        self.block1 = ConvolutionBlock(before, after)
        self.block2 = ConvolutionBlock(after, after)
        self.res_conv = nn.Conv1d(before, after, 1)

    def forward(self, x: Tensor, time_offset: Tensor) -> Tensor:
        """Return (B, after, T) of ``x`` (B, before, T)."""
        return self.block2(self.block1(x) + time_offset) + self.res_conv(x)

    def time_offset(self, embedded: Tensor) -> Tensor:
        """Return (1, after, 1) of the activated time embedding (1, width)."""
        return self.mlp[1](embedded)[..., None]


class Attention(nn.Module):
    """Attention over all frames in both directions."""

    def __init__(self, width: int, config: EstimatorConfig) -> None:
        super().__init__()
        self.heads = (config.n_heads, config.head_width)
        inner = config.n_heads * config.head_width
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_k = nn.Linear(width, inner, bias=False)
        self.to_v = nn.Linear(width, inner, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(inner, width)])

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, width) of ``x`` alike."""
        queries, keys, values = (
            project(x).unflatten(-1, self.heads).transpose(1, 2)
            for project in (self.to_q, self.to_k, self.to_v)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        return self.to_out[0](attended.transpose(1, 2).flatten(2))


class GeluProjection(nn.Module):
    """A linear layer with its activation."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.proj = nn.Linear(before, after)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, after) of ``x`` (…, before)."""
        return functional.gelu(self.proj(x))


class TransformerBlock(nn.Module):
    """Attention and a feed-forward, each behind a norm."""

    def __init__(self, width: int, config: EstimatorConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, config)
        self.norm3 = nn.LayerNorm(width)
        wide = _WIDENING * width
        # index 1 is a dropout in the published layout
        net = [GeluProjection(width, wide), nn.Identity(), nn.Linear(wide, width)]
        self.ff = nn.ModuleDict({"net": nn.Sequential(*net)})

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, T, width) of ``x`` alike."""
        x = x + self.attn1(self.norm1(x))
        return x + self.ff["net"](self.norm3(x))


class UnetBlock(nn.ModuleList):
    """A block with its published indices: 0 resnet, 1 transformer blocks, 2 resampling if any."""

    def __init__(
        self, before: int, after: int, config: EstimatorConfig, resample: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.append(Resnet(before, after, _WIDENING * config.channels[0]))
        blocks = (TransformerBlock(after, config) for _ in range(config.n_blocks))
        self.append(nn.Sequential(*blocks))
        if resample is not None:
            self.append(resample)

    @property
    def resnet(self) -> Resnet:
        """The resnet of the block."""
        return cast(Resnet, self[0])

    def forward(self, x: Tensor, time_offset: Tensor) -> Tensor:
        """Return (B, after, T) of ``x`` (B, before, T), not resampled."""
        x = self.resnet(x, time_offset).transpose(1, 2)  # (B, T, channels)
        return self[1](x).transpose(1, 2)

    def resample(self, x: Tensor) -> Tensor:
        """Return ``x`` at the next resolution."""
        return self[2](x)


class Resample(nn.Module):
    """A convolution under the published name ``conv``."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.conv = convolution

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of ``x``."""
        return self.conv(x)


def _down(width: int, *, is_last: bool) -> nn.Module:
    if is_last:
        return nn.Conv1d(width, width, _KERNEL, padding=1)
    return Resample(nn.Conv1d(width, width, _KERNEL, stride=2, padding=1))


def _up(width: int, *, is_last: bool) -> nn.Module:
    if is_last:
        return nn.Conv1d(width, width, _KERNEL, padding=1)
    return Resample(nn.ConvTranspose1d(width, width, 4, stride=2, padding=1))


def _blocks(modules: nn.ModuleList) -> list[UnetBlock]:
    return cast(list[UnetBlock], list(modules))
