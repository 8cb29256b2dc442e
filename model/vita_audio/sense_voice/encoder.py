"""The SenseVoice encoder with the parameter names of its publication.

SAN-M layers: full self-attention plus a depthwise convolution over the values. Used frozen, hence
without dropout. It looks at the whole utterance at once: nothing of it can be computed while
the user still speaks.

Source: "FunAudioLLM: Voice Understanding and Generation Foundation Models", SenseVoice-Small. That
the published tensors load and give the published numbers is not verified.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# Rows of ``embed`` that precede the frames: language (any), event, emotion, text as it is spoken
# (row 14 would ask for digits).
_QUERY_ROWS = (0, 1, 2, 15)
N_QUERIES = len(_QUERY_ROWS)
_LONGEST_WAVE = 10_000.0


@dataclass(frozen=True, slots=True)
class SenseVoiceConfig:
    """Sizes of an encoder; the defaults are those of SenseVoiceSmall, 233.999 M parameters.

    Attributes:
        n_layers: layers before ``after_norm``, the widening first one included.
        n_tp_layers: layers between ``after_norm`` and ``tp_norm``.
        n_memory: taps of the depthwise convolution over the values.
        n_tokens: entries of the CTC head.
    """

    n_bands: int = 80
    n_stacked: int = 7
    width: int = 512
    n_heads: int = 4
    n_inner: int = 2048
    n_layers: int = 50
    n_tp_layers: int = 20
    n_memory: int = 11
    n_tokens: int = 25_055
    n_queries: int = 16

    @property
    def n_inputs(self) -> int:
        """Width of one stacked frame."""
        return self.n_bands * self.n_stacked


class SenseVoice(nn.Module):
    """Stacked fbank frames to acoustic states, and states to token scores."""

    def __init__(self, config: SenseVoiceConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.n_queries, config.n_inputs)
        self.encoder = _Encoder(config)
        self.ctc = _CtcHead(config)

    def forward(self, features: Tensor) -> Tensor:
        """Return the states (4 + t, width) of one utterance, ``features`` (t, n_inputs).

        Of more than 2 044 frames (122 s) nothing is known: other code ends there. The table of
        positions is computed in the type of the weights, as VITA-Audio was trained, which in bf16
        is off by 0.02 on average over 12 s.
        """
        queries = self.embed(torch.tensor(_QUERY_ROWS, device=features.device))
        states = torch.cat((queries, features.to(queries.dtype)))
        n, width = states.shape
        positions = position_table(n, width, states.dtype, states.device)
        return self.encoder(states * math.sqrt(self.config.width) + positions)

    def token_scores(self, states: Tensor) -> Tensor:
        """Return float32 log probabilities (…, n_tokens) of ``states`` (…, width)."""
        return functional.log_softmax(self.ctc.ctc_lo(states).float(), dim=-1)


def position_table(length: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return (length, width) sines, then cosines, of positions from 1 on, computed in ``dtype``.

    The rounding after each operation is part of what VITA-Audio was trained on.
    """
    n_waves = width // 2
    positions = torch.arange(1, length + 1, device=device).to(dtype)
    longest = torch.tensor(_LONGEST_WAVE, dtype=dtype, device=device)
    step = torch.log(longest) / (n_waves - 1)
    frequencies = torch.exp(torch.arange(n_waves, device=device).to(dtype) * -step)
    angles = positions[:, None] * frequencies
    return torch.cat((torch.sin(angles), torch.cos(angles)), dim=1)


class _Encoder(nn.Module):
    def __init__(self, config: SenseVoiceConfig) -> None:
        super().__init__()
        width = config.width
        self.encoders0 = nn.ModuleList([_Layer(config, config.n_inputs)])
        self.encoders = nn.ModuleList(_Layer(config, width) for _ in range(config.n_layers - 1))
        self.after_norm = nn.LayerNorm(width)
        self.tp_encoders = nn.ModuleList(_Layer(config, width) for _ in range(config.n_tp_layers))
        self.tp_norm = nn.LayerNorm(width)

    def forward(self, states: Tensor) -> Tensor:
        for layer in (*self.encoders0, *self.encoders):
            states = layer(states)
        states = self.after_norm(states)
        for layer in self.tp_encoders:
            states = layer(states)
        return self.tp_norm(states)


class _Layer(nn.Module):
    def __init__(self, config: SenseVoiceConfig, n_inputs: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(n_inputs)
        self.self_attn = _MemoryAttention(config, n_inputs)
        self.norm2 = nn.LayerNorm(config.width)
        self.feed_forward = _FeedForward(config)
        self._widths_differ = n_inputs != config.width

    def forward(self, states: Tensor) -> Tensor:
        heard = self.self_attn(self.norm1(states))
        states = heard if self._widths_differ else states + heard
        return states + self.feed_forward(self.norm2(states))


class _MemoryAttention(nn.Module):
    """Attention whose values also pass through a convolution over time (SAN-M)."""

    def __init__(self, config: SenseVoiceConfig, n_inputs: int) -> None:
        super().__init__()
        width = config.width
        self._n_heads = config.n_heads
        self._padding = ((config.n_memory - 1) // 2, config.n_memory // 2)
        self.linear_q_k_v = nn.Linear(n_inputs, 3 * width)
        self.linear_out = nn.Linear(width, width)
        self.fsmn_block = nn.Conv1d(width, width, config.n_memory, groups=width, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        queries, keys, values = self.linear_q_k_v(states).chunk(3, dim=-1)
        split = [
            x.unflatten(-1, (self._n_heads, -1)).transpose(0, 1)[None]
            for x in (queries, keys, values)
        ]
        mixed = functional.scaled_dot_product_attention(*split)[0]
        memory = self.fsmn_block(functional.pad(values.T, self._padding)).T
        return self.linear_out(mixed.transpose(0, 1).flatten(1)) + memory + values


class _FeedForward(nn.Module):
    def __init__(self, config: SenseVoiceConfig) -> None:
        super().__init__()
        self.w_1 = nn.Linear(config.width, config.n_inner)
        self.w_2 = nn.Linear(config.n_inner, config.width)

    def forward(self, states: Tensor) -> Tensor:
        return self.w_2(functional.relu(self.w_1(states)))


class _CtcHead(nn.Module):
    def __init__(self, config: SenseVoiceConfig) -> None:
        super().__init__()
        self.ctc_lo = nn.Linear(config.width, config.n_tokens)
