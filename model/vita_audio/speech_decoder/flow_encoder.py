"""Block-causal transformer over audio codes with relative positions.

Source: the conformer encoder of CosyVoice without convolution and macaron parts, attention in the
manner of Transformer-XL; blocks of ten codes as in GLM-4-Voice's decoder. Parameter names are those
of the published file; that they are complete is not verified. No state is kept between calls: a
call costs less than a thirtieth of one flow step over the same codes.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.vita_audio.speech_decoder.decoder_config import EncoderConfig

_POSITION_BASE = 10_000.0


class FlowEncoder(nn.Module):
    """The encoder of the flow model."""

    def __init__(self, input_width: int, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.ModuleDict(
            {"out": nn.Sequential(nn.Linear(input_width, config.width), nn.LayerNorm(config.width))}
        )
        self.encoders = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_layers))
        self.after_norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (1, codes, width) of ``x`` (1, codes, input width), from a block boundary on."""
        n_codes = x.shape[1]
        hidden = self.embed["out"](x) * math.sqrt(self.config.width)
        positions = relative_positions(n_codes, self.config.width, hidden)
        allowed = block_causal_mask(n_codes, self.config.block_codes, hidden.device)
        for layer in self.encoders:
            hidden = layer(hidden, positions, allowed)
        return self.after_norm(hidden)


class EncoderLayer(nn.Module):
    """A layer of pre-norm attention and a swish feed-forward."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.norm_mha = nn.LayerNorm(config.width)
        self.self_attn = RelativeAttention(config)
        self.norm_ff = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config)

    def forward(self, x: Tensor, positions: Tensor, allowed: Tensor) -> Tensor:
        """Return (1, T, width) of ``x`` alike; see ``RelativeAttention``."""
        x = x + self.self_attn(self.norm_mha(x), positions, allowed)
        return x + self.feed_forward(self.norm_ff(x))


class FeedForward(nn.Module):
    """Two linear layers with a swish between them."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.w_1 = nn.Linear(config.width, config.feed_forward_width)
        self.w_2 = nn.Linear(config.feed_forward_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, width) of ``x`` alike."""
        return self.w_2(functional.silu(self.w_1(x)))


class RelativeAttention(nn.Module):
    """Attention with score(i, j) = ((q_i + u)·k_j + (q_i + v)·p_{i−j}) / √d."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.n_heads = config.n_heads
        self.head_width = config.width // config.n_heads
        self.linear_q = nn.Linear(config.width, config.width)
        self.linear_k = nn.Linear(config.width, config.width)
        self.linear_v = nn.Linear(config.width, config.width)
        self.linear_out = nn.Linear(config.width, config.width)
        self.linear_pos = nn.Linear(config.width, config.width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(self.n_heads, self.head_width))
        self.pos_bias_v = nn.Parameter(torch.zeros(self.n_heads, self.head_width))

    def forward(self, x: Tensor, positions: Tensor, allowed: Tensor) -> Tensor:
        """Return (1, T, width) of ``x`` alike.

        Args:
            positions: (2T−1, width) of the distances.
            allowed: (T, T) bool, true where a query (row) may look.
        """
        batch, n_codes, width = x.shape
        queries = self._heads(self.linear_q(x))  # (B, heads, T, d)
        relative = self._heads(self.linear_pos(positions)[None])  # (1, heads, 2T−1, d)
        by_distance = (queries + self.pos_bias_v[:, None]) @ relative.transpose(-2, -1)
        bias = _shift_to_keys(by_distance) / math.sqrt(self.head_width)
        attended = functional.scaled_dot_product_attention(
            queries + self.pos_bias_u[:, None],
            self._heads(self.linear_k(x)),
            self._heads(self.linear_v(x)),
            attn_mask=bias.masked_fill(~allowed, float("-inf")),
        )
        return self.linear_out(attended.transpose(1, 2).reshape(batch, n_codes, width))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.n_heads, self.head_width)).transpose(1, 2)


def relative_positions(n_codes: int, width: int, like: Tensor) -> Tensor:
    """Return (2n−1, width) sinusoids of the distances n−1 … −(n−1), sine at even channels."""
    distances = torch.arange(n_codes - 1, -n_codes, -1, device=like.device, dtype=torch.float32)
    channels = torch.arange(0, width, 2, device=like.device, dtype=torch.float32)
    angles = distances[:, None] * torch.exp(channels * (-math.log(_POSITION_BASE) / width))
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1).to(like.dtype)


def block_causal_mask(n_codes: int, block_codes: int, device: torch.device) -> Tensor:
    """Return (n, n) bool, true where a query (row) may see a key: to the end of its block."""
    index = torch.arange(n_codes, device=device)
    return index[None] < (index[:, None] // block_codes + 1) * block_codes


def _shift_to_keys(by_distance: Tensor) -> Tensor:
    """Column of distance i−j to column j: (…, T, 2T−1) -> (…, T, T)."""
    *lead, n_codes, n_distances = by_distance.shape
    padded = functional.pad(by_distance, (1, 0)).view(*lead, n_distances + 1, n_codes)
    return padded[..., 1:, :].reshape(*lead, n_codes, n_distances)[..., :n_codes]
