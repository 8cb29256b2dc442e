"""The VITA-Audio network, with the parameter names of the published checkpoints.

Knows no cache, no schedule and no sampling: generation state lives with whoever decodes. The
published weight files were not verified; the key names are those of the upstream source.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers.models.qwen2.modeling_qwen2 import (
    Qwen2DecoderLayer,
    Qwen2PreTrainedModel,
    Qwen2RMSNorm,
    Qwen2RotaryEmbedding,
)

from model.errors import ModelError
from model.vita_audio.configuration import VitaAudioConfig, VitaAudioPlusConfig
from model.vita_audio.mctp import PackedLosses, packed_losses
from model.vita_audio.sense_voice.configuration import SenseVoiceConfig
from model.vita_audio.sense_voice.network import SenseVoice


class AudioModel(nn.Module):
    """Holds the encoder under the prefix that the checkpoints give it."""

    def __init__(self, sizes: SenseVoiceConfig) -> None:
        super().__init__()
        self.model = SenseVoice(sizes)


class AudioProjection(nn.Module):
    """Encoder frames to embeddings of the language model."""

    def __init__(self, audio_width: int, hidden: int) -> None:
        super().__init__()
        self.pre_proj_layernorm = nn.LayerNorm(audio_width)
        self.mlp = nn.Sequential(
            nn.Linear(audio_width, hidden, bias=False),
            nn.GELU(),
            nn.Linear(hidden, hidden, bias=False),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """``frames`` (…, audio_width) to (…, hidden)."""
        return self.mlp(self.pre_proj_layernorm(frames))


class VitaAudioModel(nn.Module):
    """Embeddings, the backbone's blocks and behind them the blocks of the MCTP modules.

    Never run all ``layers`` in series: the last K belong to one MCTP module each.
    """

    def __init__(self, config: VitaAudioConfig) -> None:
        super().__init__()
        # No padding index: the pad token ends texts too, so its embedding is learnt.
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            Qwen2DecoderLayer(config, index) for index in range(config.num_hidden_layers)
        )
        self.norm = Qwen2RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary_emb = Qwen2RotaryEmbedding(config)
        if isinstance(config, VitaAudioPlusConfig):
            sizes = SenseVoiceConfig(**(config.audio_encoder or {}))
            self.audio_model = AudioModel(sizes)
            self.audio_projection = AudioProjection(sizes.width, config.hidden_size)


class VitaAudioForCausalLM(Qwen2PreTrainedModel):
    """Backbone, head and K MCTP modules (VITA-Audio, multiple cross-modal token prediction).

    Module k reads the embedding of the token at p + k + 1 and the hidden state of level k at p;
    ``model.norm``, ``lm_head`` and ``model.embed_tokens`` are shared by all levels.
    """

    config_class = VitaAudioConfig
    config: VitaAudioConfig  # pyright: ignore[reportIncompatibleVariableOverride]
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config: VitaAudioConfig) -> None:
        super().__init__(config)
        hidden = config.hidden_size
        n_modules = config.num_nextn_predict_layers
        self.model = VitaAudioModel(config)
        self.lm_head = nn.Linear(hidden, config.vocab_size, bias=False)
        self.mtp_embed_norms = nn.ModuleList(
            Qwen2RMSNorm(hidden, eps=config.rms_norm_eps) for _ in range(n_modules)
        )
        self.mtp_hidden_norms = nn.ModuleList(
            Qwen2RMSNorm(hidden, eps=config.rms_norm_eps) for _ in range(n_modules)
        )
        self.mtp_projs = nn.ModuleList(
            nn.Linear(2 * hidden, hidden, bias=False) for _ in range(n_modules)
        )
        self.post_init()

    @property
    def num_backbone_layers(self) -> int:
        return self.config.num_backbone_layers

    @property
    def num_mctp_modules(self) -> int:
        return self.config.num_nextn_predict_layers

    @property
    def is_plus(self) -> bool:
        """Whether user audio goes in as features."""
        return isinstance(self.config, VitaAudioPlusConfig)

    @property
    def is_mctp_branch_detached(self) -> bool:
        """Whether the backbone learns from the main loss only (VITA-Audio: the Plus variants)."""
        return self.is_plus

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        labels: Tensor,
        audios: Sequence[Tensor] = (),
        audio_indices: Sequence[Tensor] = (),
        num_items_in_batch: Tensor | int | None = None,
    ) -> PackedLosses:
        """Losses of packed training rows; see ``packed_losses``.

        Args:
            input_ids: (b, n) int64; ``position_ids`` and ``labels`` alike.
            audios: (t, 560) features of each user audio; Plus only.
            audio_indices: (2, 1, t + 4) int64 of each: row and place of its placeholders.
        """
        embeddings = self.embed(input_ids, audios, audio_indices) if self.is_plus else None
        return packed_losses(self, input_ids, position_ids, labels, embeddings, num_items_in_batch)

    def embed(
        self, input_ids: Tensor, audios: Sequence[Tensor], audio_indices: Sequence[Tensor]
    ) -> Tensor:
        """Backbone input (b, n, hidden): what was heard stands in place of its placeholders."""
        embeddings = self.model.embed_tokens(input_ids)
        if not audios:
            return embeddings + self._unheard(embeddings) if self.training else embeddings
        places = torch.cat([index[:, 0] for index in audio_indices], dim=1)  # (2, frames)
        heard = torch.cat([self.hear(features) for features in audios])  # (frames, hidden)
        where = (places[0].to(embeddings.device), places[1].to(embeddings.device))
        return embeddings.index_put(where, heard.to(embeddings.dtype))

    def hear(self, features: Tensor) -> Tensor:
        """Embeddings (t + 4, hidden) of the whole of a user's audio, ``features`` (t, 560).

        Raises:
            ModelError: this variant hears discrete codes only.
        """
        if not self.is_plus:
            raise ModelError(
                f"a model of type {self.config.model_type} hears audio codes, not features"
            )
        projection = self.model.audio_projection
        with torch.no_grad():
            frames = self.model.audio_model.model(features[None].to(self.device))[0]
        return projection(frames)

    def _unheard(self, like: Tensor) -> Tensor:
        """0 that depends on the projection: every training process must have the same graph."""
        projection = self.model.audio_projection
        nothing = like.new_zeros(1, projection.pre_proj_layernorm.normalized_shape[0])
        return projection(nothing).sum() * 0.0

    def fuse(self, k: int, next_embeddings: Tensor, hidden: Tensor) -> Tensor:
        """Input of the block of module ``k``.

        Args:
            next_embeddings: (b, n, hidden) embeddings of the tokens at p + k + 1.
            hidden: (b, n, hidden) states h_k at p, behind ``model.norm``.
        """
        both = torch.cat(
            (self.mtp_embed_norms[k](next_embeddings), self.mtp_hidden_norms[k](hidden)), dim=-1
        )
        return self.mtp_projs[k](both)
