"""The encoder of the GLM-4-Voice speech tokenizer, block by block, and its nearest codes.

GLM-4-Voice, WhisperVQEncoder up to the codebook, under the published parameter names. What it has
heard lies in a ``SegmentState``, never on the model.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoderLayer

from model.vita_audio.speech_tokenizer.tokenizer_config import SpeechTokenizerConfig

_KERNEL = 3
_STRIDE = 2  # of the second convolution


class BlockCausalEncoder(nn.Module):
    """The encoder of one block of mel frames, given all earlier blocks of the segment.

    Every frame sees the earlier blocks and the whole of its own, so no mask is needed: the keys are
    those kept of the earlier blocks and those of this one.
    """

    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.n_bands, config.width, _KERNEL)
        self.conv2 = nn.Conv1d(config.width, config.width, _KERNEL, stride=_STRIDE)
        self.embed_positions = nn.Embedding(config.n_positions, config.width)
        self.layers = nn.ModuleList(_layer(config, index) for index in range(config.n_layers))
        self.codebook = nn.Embedding(config.n_codes, config.width)

    def forward(self, features: Tensor, n_heard: int, state: SegmentState, keep: bool) -> Tensor:
        """Return the hidden frames (n, width) of the block that follows those kept in ``state``.

        A hidden frame i sees mel frames up to 2i and none later: the first block of a segment has
        one mel frame less than twice its hidden frames, and each later block starts with the last
        odd frame of the one before.

        Args:
            features: (2n, n_bands), or (2n - 1, n_bands) in the first block; normalised.
            n_heard: of the n frames, those that are not all padding; the others are not seen.
            keep: the block is complete: later ones will see it.
        """
        mel = torch.cat((state.mel_tail, features.to(state.mel_tail).T[None]), dim=2)
        halved = torch.cat((state.conv_tail, functional.gelu(self.conv1(mel))), dim=2)
        frames = functional.gelu(self.conv2(halved))  # (1, width, n)
        start, n_frames = state.n_frames, frames.shape[2]
        hidden = frames.transpose(1, 2) + self.embed_positions.weight[start : start + n_frames]
        state.n_heard = n_heard
        for layer in self.layers:
            hidden = layer(hidden, None, past_key_values=state)
        if keep:
            state.n_frames += n_frames
            state.mel_tail = mel[:, :, 1 - _KERNEL :]
            state.conv_tail = halved[:, :, _STRIDE * n_frames :]
        return hidden[0]


class SegmentState:
    """What an encoder keeps of the complete blocks of one segment.

    Holds the keys and values of a whole segment from the start (246 MB in float32 at the published
    size), so that a block is written in place and an incomplete one is simply overwritten.

    Attributes:
        n_frames: frames of complete blocks.
        n_heard: of the block being encoded, the frames that may be seen.
        mel_tail: (1, n_bands, 2), mel frames that the first convolution sees again.
        conv_tail: (1, width, 2 or 1), its outputs that the second convolution sees again.
    """

    def __init__(
        self, config: SpeechTokenizerConfig, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._config = config
        head = config.width // config.n_heads
        # (layer, key or value, 1, head, frame, channel)
        self._kept = torch.empty(
            (config.n_layers, 2, 1, config.n_heads, config.n_positions, head),
            device=device,
            dtype=dtype,
        )
        self.restart()

    def restart(self) -> None:
        """Begin a new segment."""
        self.n_frames = 0
        self.n_heard = 0
        self.mel_tail = self._kept.new_zeros(1, self._config.n_bands, _KERNEL - 1)
        self.conv_tail = self._kept.new_zeros(1, self._config.width, _KERNEL - 1)

    def update(self, keys: Tensor, values: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Return all keys and values that the block's frames see; attention layers call this."""
        end = self.n_frames + self.n_heard
        kept = self._kept[layer, :, :, :, :end]
        kept[0, :, :, self.n_frames :] = keys[:, :, : self.n_heard]
        kept[1, :, :, self.n_frames :] = values[:, :, : self.n_heard]
        return kept[0], kept[1]


class Codes:
    """A codebook that finds the nearest code of each group of frames; the first of equal ones.

    By squared distance: |x - c|² is |x|² - 2xc + |c|², and |x|² is the same for all codes. Computed
    in float32 at least: distances to thousands of codes lie closer together than half precision
    tells apart.
    """

    def __init__(self, codebook: Tensor, n_pooled: int) -> None:
        wide = torch.promote_types(codebook.dtype, torch.float32)
        self._codebook = codebook.detach().to(wide)  # (n_codes, width)
        self._squares = self._codebook.square().sum(1)
        self._n_pooled = n_pooled

    def nearest(self, hidden: Tensor) -> Tensor:
        """Return codes (n / n_pooled,) int64 of ``hidden`` (n, width)."""
        groups = hidden.to(self._codebook).unflatten(0, (-1, self._n_pooled)).mean(1)
        return torch.addmm(self._squares, groups, self._codebook.T, alpha=-2.0).argmin(1)


def _layer(config: SpeechTokenizerConfig, index: int) -> WhisperEncoderLayer:
    fields: dict[str, Any] = {
        "d_model": config.width,
        "encoder_attention_heads": config.n_heads,
        "encoder_ffn_dim": config.n_inner,
        "attn_implementation": "sdpa",
    }
    layer = WhisperEncoderLayer(WhisperConfig(**fields))
    layer.self_attn.layer_idx = index  # an encoder's layer has none: it never asks for a cache
    return layer
