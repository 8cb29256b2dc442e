"""The VITA-Audio network, with the parameter names of the published checkpoints.

Generation state lives with whoever decodes. The published weight files were not verified; the key
names are those of the upstream source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.masking_utils import create_causal_mask
from transformers.models.qwen2.modeling_qwen2 import (
    Qwen2DecoderLayer,
    Qwen2PreTrainedModel,
    Qwen2RMSNorm,
    Qwen2RotaryEmbedding,
)

from model.errors import ModelError, WeightsError
from model.vita_audio.checkpoint.weight_files import WeightFiles
from model.vita_audio.language_model.model_config import (
    VitaAudioConfig,
    VitaAudioPlusConfig,
    read_config,
)
from model.vita_audio.language_model.packed_losses import (
    PackedLosses,
    PackedRow,
    cross_entropy,
    sample_lengths,
)
from model.vita_audio.sense_voice.encoder import SenseVoice, SenseVoiceConfig

_EMBEDDINGS_KEY = "model.embed_tokens.weight"
_HEAD_KEY = "lm_head.weight"

# The parts that are loaded one after the other: a decoder layer, a module's norm, the head.
_BLOCK = re.compile(r"model\.layers\.\d+|model\.[a-z_]+|mtp_[a-z_]+\.\d+|lm_head")

FinishBlock = Callable[[str, nn.Module], None]


class AudioModel(nn.Module):
    """The encoder under the prefix that the checkpoints give it."""

    def __init__(self, sizes: SenseVoiceConfig) -> None:
        super().__init__()
        self.model = SenseVoice(sizes)


class AudioProjection(nn.Module):
    """The projection of encoder frames to embeddings of the language model."""

    def __init__(self, audio_width: int, hidden: int) -> None:
        super().__init__()
        self.pre_proj_layernorm = nn.LayerNorm(audio_width)
        self.mlp = nn.Sequential(
            nn.Linear(audio_width, hidden, bias=False),
            nn.GELU(),
            nn.Linear(hidden, hidden, bias=False),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Return embeddings (…, hidden) of ``frames`` (…, audio_width)."""
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
    _tied_weights_keys = {_HEAD_KEY: _EMBEDDINGS_KEY}  # noqa: RUF012

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

    @classmethod
    def from_pretrained(
        cls,
        directory: Path | str,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> VitaAudioForCausalLM:
        """Load a local directory of either variant, as the library's method does.

        For training; it only warns of weights that are missing. ``load_language_model`` is strict.
        """
        kwargs.setdefault("config", read_config(Path(directory)))
        return super().from_pretrained(directory, *args, **kwargs)

    @property
    def num_backbone_layers(self) -> int:
        """Number of decoder layers without the blocks of the modules."""
        return self.config.num_backbone_layers

    @property
    def num_mctp_modules(self) -> int:
        """K, the number of MCTP modules."""
        return self.config.num_nextn_predict_layers

    def keep_modules(self, n_modules: int) -> None:
        """Take all but the first ``n_modules`` MCTP modules away.

        Raises:
            ModelError: there are fewer.
        """
        config = self.config
        if not 0 <= n_modules <= config.num_nextn_predict_layers:
            raise ModelError(
                f"the model has {config.num_nextn_predict_layers} MCTP modules; it cannot be "
                f"used with {n_modules}"
            )
        n_layers = config.num_backbone_layers + n_modules
        del self.model.layers[n_layers:]
        for modules in (self.mtp_embed_norms, self.mtp_hidden_norms, self.mtp_projs):
            del modules[n_modules:]
        config.num_nextn_predict_layers = n_modules
        config.num_hidden_layers = n_layers
        config.layer_types = config.layer_types[:n_layers] if config.layer_types else None

    @property
    def is_plus(self) -> bool:
        """Whether user audio goes in as features."""
        return isinstance(self.config, VitaAudioPlusConfig)

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        labels: Tensor,
        audios: Sequence[Tensor] = (),
        audio_indices: Sequence[Tensor] = (),
        num_items_in_batch: Tensor | int | None = None,
    ) -> PackedLosses:
        """Return the losses of packed training rows; see ``losses``.

        Args:
            audios: (t, 560) features of each user audio; Plus only.
            audio_indices: (2, 1, t + 4) int64 of each: row and place of its placeholders.
        """
        embeddings = self.embed(input_ids, audios, audio_indices) if self.is_plus else None
        return self.losses(input_ids, position_ids, labels, embeddings, num_items_in_batch)

    def losses(
        self,
        input_ids: Tensor,
        position_ids: Tensor,
        labels: Tensor,
        embeddings: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
    ) -> PackedLosses:
        """Return the losses of rows of packed samples; several rows count as one long row.

        Args:
            input_ids: (b, n) int64.
            position_ids: (b, n) int64, restarting at 0 with each sample.
            labels: (b, n) int64, not shifted; −100 where nothing is learnt.
            embeddings: (b, n, hidden) backbone input where it is not that of ``input_ids`` (heard
                audio). The MCTP modules always read the embeddings of ``input_ids``.
            num_items_in_batch: divides the main loss instead of its number of labels (gradient
                accumulation). The MCTP losses ignore it, as upstream.

        Raises:
            ModelError: position ids that neither restart at 0 nor count on.
        """
        ids, positions = input_ids.reshape(1, -1), position_ids.reshape(1, -1)
        row = PackedRow(self.model.embed_tokens(ids), labels.reshape(1, -1), positions)
        row.require_packed()
        heard = row.embeddings if embeddings is None else embeddings.reshape(row.embeddings.shape)
        hidden = self.run_backbone(heard, positions)
        loss = main_loss = hidden.new_zeros(())
        if self.lm_head.weight.requires_grad:
            loss = main_loss = cross_entropy(
                self.lm_head, hidden, row.targets(0), num_items_in_batch
            )
        level_losses = self._level_losses(row, hidden)
        if len(level_losses) > 0:
            loss = main_loss + level_losses.mean() * self.config.mtp_loss_weight
        return PackedLosses(loss=loss, main_loss=main_loss, level_losses=level_losses)

    def run_backbone(self, embeddings: Tensor, positions: Tensor) -> Tensor:
        """Return h_0 (1, n, hidden), behind the final norm, of ``embeddings`` (1, n, hidden)."""
        layers = self.model.layers[: self.num_backbone_layers]
        return self.model.norm(self._run_layers(layers, embeddings, positions))

    def run_module(
        self, k: int, next_embeddings: Tensor, hidden: Tensor, positions: Tensor
    ) -> Tensor:
        """Return h_{k+1} (1, n, hidden) of module ``k``.

        Args:
            next_embeddings: (1, n, hidden) embeddings of the tokens at ``positions`` (1, n).
            hidden: (1, n, hidden) states h_k of the tokens before, behind ``model.norm``.
        """
        index = self.num_backbone_layers + k
        both = (self.mtp_embed_norms[k](next_embeddings), self.mtp_hidden_norms[k](hidden))
        fused = self.mtp_projs[k](torch.cat(both, dim=-1))
        layers = self.model.layers[index : index + 1]
        return self.model.norm(self._run_layers(layers, fused, positions))

    def _level_losses(self, row: PackedRow, hidden: Tensor) -> Tensor:
        if self.is_plus:
            # The backbone learns from the main loss only (VITA-Audio: the Plus variants). Between
            # the levels gradients still flow: a module also learns to feed the next one.
            row = PackedRow(row.embeddings.detach(), row.labels, row.positions)
            hidden = hidden.detach()
        losses: list[Tensor] = []
        for k in range(self.num_mctp_modules):
            keep = row.positions[0] > k
            # A token at q + 1 meets the hidden state at q.
            hidden = hidden[:, keep.roll(-1)]
            row = row.where(keep)
            if hidden.shape[1] > 0:
                hidden = self.run_module(k, row.embeddings, hidden, row.positions)
            losses.append(cross_entropy(self.lm_head, hidden, row.targets(k + 1)))
        return torch.stack(losses) if losses else hidden.new_zeros(0)

    def _run_layers(self, layers: Iterable[nn.Module], hidden: Tensor, positions: Tensor) -> Tensor:
        mask = create_causal_mask(
            config=self.config,
            inputs_embeds=hidden,
            attention_mask=None,
            past_key_values=None,
            position_ids=positions,
        )
        rotation = self.model.rotary_emb(hidden, positions)
        lengths = sample_lengths(positions)
        for layer in layers:
            hidden = layer(
                hidden,
                attention_mask=mask,
                position_ids=positions,
                position_embeddings=rotation,
                **lengths,
            )
        return hidden

    def embed(
        self, input_ids: Tensor, audios: Sequence[Tensor], audio_indices: Sequence[Tensor]
    ) -> Tensor:
        """Return the backbone input (b, n, hidden), what was heard in place of its placeholders."""
        embeddings = self.model.embed_tokens(input_ids)
        if not audios:
            return embeddings + self._unheard(embeddings) if self.training else embeddings
        places = torch.cat([index[:, 0] for index in audio_indices], dim=1)  # (2, frames)
        heard = torch.cat([self.hear(features) for features in audios])  # (frames, hidden)
        where = (places[0].to(embeddings.device), places[1].to(embeddings.device))
        return embeddings.index_put(where, heard.to(embeddings.dtype))

    def hear(self, features: Tensor) -> Tensor:
        """Return embeddings (t + 4, hidden) of the whole of a user's audio, ``features`` (t, 560).

        Raises:
            ModelError: this variant hears discrete codes only.
        """
        if not self.is_plus:
            raise ModelError(
                f"a model of type {self.config.model_type} hears audio codes, not features"
            )
        projection = self.model.audio_projection
        with torch.no_grad():
            frames = self.model.audio_model.model(features.to(self.device))
        return projection(frames)

    def _unheard(self, like: Tensor) -> Tensor:
        """0 that depends on the projection: every training process must have the same graph."""
        projection = self.model.audio_projection
        nothing = like.new_zeros(1, projection.pre_proj_layernorm.normalized_shape[0])
        return projection(nothing).sum() * 0.0


def load_language_model(
    directory: Path,
    dtype: torch.dtype = torch.bfloat16,
    device: torch.device | str = "cpu",
    *,
    n_modules: int | None = None,
    finish_block: FinishBlock | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> VitaAudioForCausalLM:
    """Load a published directory for inference, part by part and each tensor once.

    Args:
        dtype: of the parameters. The rotary frequencies stay float32.
        n_modules: MCTP modules to keep, the first ones; the others take no memory. None: all.
        finish_block: called with name and module of each part once it is on ``device``, before
            the next one is read; may change it in place, for instance quantize it.
        on_progress: called with the fraction of the tensors that are loaded, 0 … 1.

    Raises:
        ModelError: config.json is missing or describes another model.
        WeightsError: a weight file is missing or damaged or holds other tensors than it should.
    """
    config = read_config(directory)
    files = WeightFiles.from_directory(directory)
    with torch.device("meta"):
        model = VitaAudioForCausalLM(config)
    _require_weights(model, files)
    if n_modules is not None:
        model.keep_modules(n_modules)
    names = [name for name in model.state_dict() if name in files.shapes]
    n_done = 0
    with files.reading() as tensor:
        for block_name, block_names in groupby(names, _block_name):
            block = model.get_submodule(block_name)
            for name in block_names:
                path, _, leaf = name.removeprefix(f"{block_name}.").rpartition(".")
                filled = nn.Parameter(tensor(name).to(device, dtype), requires_grad=False)
                setattr(block.get_submodule(path), leaf, filled)
                n_done += 1
            if finish_block is not None:
                finish_block(block_name, block)
            if on_progress is not None:
                on_progress(n_done / len(names))
    if config.tie_word_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
    # Its buffers are in no file.
    model.model.rotary_emb = Qwen2RotaryEmbedding(config).to(device)
    return model.eval().requires_grad_(False)


def _require_weights(model: VitaAudioForCausalLM, files: WeightFiles) -> None:
    config = model.config
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = files.shapes.get(_EMBEDDINGS_KEY)
    if found is not None and found[0] != config.vocab_size:
        raise WeightsError(
            f"{files.file_of[_EMBEDDINGS_KEY]} has embeddings of {found[0]} tokens and "
            f"config.json names {config.vocab_size}: the weights belong to another vocabulary"
        )
    tied = [_HEAD_KEY] if config.tie_word_embeddings else []
    files.require(expected, optional=tied)


def _block_name(name: str) -> str:
    found = _BLOCK.match(name)
    assert found is not None, f"{name} belongs to no block"
    return found.group()
