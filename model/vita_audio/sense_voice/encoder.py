"""The SenseVoice encoder with the parameter names of its publication.

SAN-M layers: full self-attention plus a depthwise convolution over the values. Used frozen, hence
without dropout. It looks at the whole utterance at once: nothing of it can be computed while
the user still speaks. Knows no sound and no token names.

Source: "FunAudioLLM: Voice Understanding and Generation Foundation Models", SenseVoice-Small. That
the published tensors load and give the published numbers is not verified.
"""

from __future__ import annotations

import math
from enum import IntEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

from model.vita_audio.sense_voice.encoder_config import SenseVoiceConfig

N_QUERIES = 4  # language, event, emotion, text normalisation: they precede the frames
_EVENT_ROW = 1
_EMOTION_ROW = 2
_PLAIN_TEXT_ROW = 15  # numbers as they are spoken; row 14 would ask for digits
_LONGEST_WAVE = 10_000.0


class LanguageQuery(IntEnum):
    """Row of ``embed`` that asks for a language. Only AUTO was used in training VITA-Audio.

    The rows other than AUTO are those of funasr's ``lid_dict``.
    """

    AUTO = 0
    MANDARIN = 3
    ENGLISH = 4
    CANTONESE = 7
    JAPANESE = 11
    KOREAN = 12


class SenseVoice(nn.Module):
    """Stacked fbank frames to acoustic states, and states to token scores.

    Attributes:
        has_exact_positions: False (as VITA-Audio was trained): the table of positions is computed
            in the type of the features, which in bf16 is off by 0.02 on average over 12 s. True:
            in float32.
    """

    def __init__(self, config: SenseVoiceConfig, has_exact_positions: bool = False) -> None:
        super().__init__()
        self.config = config
        self.has_exact_positions = has_exact_positions
        self.embed = nn.Embedding(config.n_queries, config.n_inputs)
        self.encoder = _Encoder(config)
        self.ctc = _CtcHead(config)

    def forward(
        self,
        features: Tensor,  # [B, T, n_inputs]
        n_frames: Tensor | None = None,  # [B] int64
        language: LanguageQuery = LanguageQuery.AUTO,
    ) -> Tensor:
        """Returns [B, 4 + T, width]; states beyond 4 + ``n_frames`` are padding.

        Of more than 2 044 frames (122 s) nothing is known: other code ends there.

        Args:
            n_frames: frames of each row that are sound; None: all of them.
        """
        features = features.to(self.embed.weight.dtype)
        n_rows, n_padded, _ = features.shape
        rows = [language, _EVENT_ROW, _EMOTION_ROW, _PLAIN_TEXT_ROW]
        queries = self.embed(torch.tensor(rows, device=features.device)).expand(n_rows, -1, -1)
        states = torch.cat((queries, features), dim=1)
        is_sound = None
        if n_frames is not None:
            positions = torch.arange(N_QUERIES + n_padded, device=features.device)
            is_sound = positions < N_QUERIES + n_frames.to(features.device)[:, None]  # [B, 4 + T]
        states = states * math.sqrt(self.config.width) + self._positions(states)
        return self.encoder(states, is_sound)

    def token_scores(self, states: Tensor) -> Tensor:
        """Returns float32 log probabilities [..., n_tokens] of ``states`` [..., width]."""
        return functional.log_softmax(self.ctc.ctc_lo(states).float(), dim=-1)

    def _positions(self, states: Tensor) -> Tensor:
        dtype = torch.float32 if self.has_exact_positions else states.dtype
        table = position_table(states.shape[1], states.shape[2], dtype, states.device)
        return table.to(states.dtype)


def position_table(length: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Returns [length, width]: sines, then cosines, of positions from 1 on, computed in ``dtype``.

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

    def forward(self, states: Tensor, is_sound: Tensor | None) -> Tensor:
        for layer in (*self.encoders0, *self.encoders):
            states = layer(states, is_sound)
        states = self.after_norm(states)
        for layer in self.tp_encoders:
            states = layer(states, is_sound)
        return self.tp_norm(states)


class _Layer(nn.Module):
    def __init__(self, config: SenseVoiceConfig, n_inputs: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(n_inputs)
        self.self_attn = _MemoryAttention(config, n_inputs)
        self.norm2 = nn.LayerNorm(config.width)
        self.feed_forward = _FeedForward(config)
        self._widths_differ = n_inputs != config.width

    def forward(self, states: Tensor, is_sound: Tensor | None) -> Tensor:
        heard = self.self_attn(self.norm1(states), is_sound)
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

    def forward(self, states: Tensor, is_sound: Tensor | None) -> Tensor:
        queries, keys, values = self.linear_q_k_v(states).chunk(3, dim=-1)
        split = [
            x.unflatten(-1, (self._n_heads, -1)).transpose(1, 2) for x in (queries, keys, values)
        ]
        mask = None if is_sound is None else is_sound[:, None, None, :]
        mixed = functional.scaled_dot_product_attention(*split, attn_mask=mask)
        attended = self.linear_out(mixed.transpose(1, 2).flatten(2))
        return attended + self._memory(values, is_sound)

    def _memory(self, values: Tensor, is_sound: Tensor | None) -> Tensor:
        if is_sound is not None:
            values = values * is_sound[:, :, None]
        padded = functional.pad(values.transpose(1, 2), self._padding)
        return self.fsmn_block(padded).transpose(1, 2) + values


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
