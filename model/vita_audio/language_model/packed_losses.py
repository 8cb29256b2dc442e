"""Training-time forward of backbone and MCTP modules on packed rows of samples.

Source: VITA-Audio, multiple cross-modal token prediction. Knows no cache and no sampling. Samples
of a row are told apart by position ids that restart at 0; the attention implementation of the
configuration makes its mask from them (SDPA, FlashAttention, eager).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers.masking_utils import create_causal_mask
from transformers.modeling_flash_attention_utils import FlashAttentionKwargs
from transformers.utils.generic import ModelOutput

from model.errors import ModelError

if TYPE_CHECKING:
    from model.vita_audio.language_model.modeling import VitaAudioForCausalLM

IGNORED = -100  # label of an entry that is not trained

# Logits of 168 072 float32 scores are 0.67 MB per token: they exist for so many at a time.
_TOKENS_PER_HEAD_CALL = 2048


@dataclass
class PackedLosses(ModelOutput):
    """What a training step is made of.

    Attributes:
        loss: main loss plus the weighted mean of the MCTP losses.
        main_loss: next-token loss of the backbone; 0 if ``lm_head`` is frozen.
        level_losses: (K,) loss of each MCTP module.
    """

    loss: Tensor | None = None
    main_loss: Tensor | None = None
    level_losses: Tensor | None = None


@dataclass(frozen=True, slots=True)
class _Entries:
    """Arrays of one level; each sample has lost its first k + 1 tokens.

    Attributes:
        embeddings: (1, n, hidden) of the tokens that the level reads.
        labels: (1, n) int64 of the same tokens.
        positions: (1, n) int64 of the same tokens.
    """

    embeddings: Tensor
    labels: Tensor
    positions: Tensor

    def where(self, keep: Tensor) -> _Entries:
        return _Entries(self.embeddings[:, keep], self.labels[:, keep], self.positions[:, keep])

    def targets(self, first_position: int) -> Tensor:
        """(1, n) labels of the following tokens; none across the border of two samples."""
        following = self.labels.roll(-1, dims=1)
        begins = (self.positions == first_position).roll(-1, dims=1)
        # The first entry begins a sample, so that the last one of the row has no target either.
        return following.masked_fill(begins, IGNORED)


def packed_losses(
    model: VitaAudioForCausalLM,
    input_ids: Tensor,
    position_ids: Tensor,
    labels: Tensor,
    embeddings: Tensor | None = None,
    num_items_in_batch: Tensor | int | None = None,
) -> PackedLosses:
    """Losses of rows of packed samples; several rows count as one long row.

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
    _require_packed(positions)
    of_ids = model.model.embed_tokens(ids)
    heard = of_ids if embeddings is None else embeddings.reshape(of_ids.shape)
    hidden = run_backbone(model, heard, positions)
    entries = _Entries(of_ids, labels.reshape(1, -1), positions)
    main_loss = hidden.new_zeros(())
    if model.lm_head.weight.requires_grad:
        main_loss = _cross_entropy(model.lm_head, hidden, entries.targets(0), num_items_in_batch)
    level_losses = _level_losses(model, entries, hidden)
    loss = main_loss
    if len(level_losses) > 0:
        loss = main_loss + level_losses.mean() * model.config.mtp_loss_weight
    return PackedLosses(loss=loss, main_loss=main_loss, level_losses=level_losses)


def teacher_forced_logits(
    model: VitaAudioForCausalLM, ids: Tensor, embeddings: Tensor | None = None
) -> list[Tensor]:
    """Logits of every level over one whole sequence, as incremental decoding must give them.

    Args:
        ids: (n,) int64.
        embeddings: (n, hidden) backbone input where it is not that of ``ids``.

    Returns:
        K + 1 tensors: level j has (n − j, vocabulary) rows, and row p predicts the token at
        p + j + 1. Level 0 is the backbone. A level that no token reaches has no rows.
    """
    row = ids.reshape(1, -1)
    positions = torch.arange(row.shape[1], device=row.device)[None]
    of_ids = model.model.embed_tokens(row)
    hidden = run_backbone(model, of_ids if embeddings is None else embeddings[None], positions)
    logits = [model.lm_head(hidden[0])]
    for k in range(model.num_mctp_modules):
        hidden = hidden[:, :-1]
        if hidden.shape[1] > 0:
            hidden = run_module(model, k, of_ids[:, k + 1 :], hidden, positions[:, k + 1 :])
        logits.append(model.lm_head(hidden[0]))
    return logits


def run_backbone(model: VitaAudioForCausalLM, embeddings: Tensor, positions: Tensor) -> Tensor:
    """h_0 (1, n, hidden), behind the final norm, of ``embeddings`` (1, n, hidden)."""
    inner = model.model
    layers = list(inner.layers)[: model.num_backbone_layers]
    return inner.norm(_run_layers(model, layers, embeddings, positions))


def run_module(
    model: VitaAudioForCausalLM,
    k: int,
    next_embeddings: Tensor,
    hidden: Tensor,
    positions: Tensor,
) -> Tensor:
    """h_{k+1} (1, n, hidden) of h_k and the embeddings of the tokens at ``positions`` (1, n)."""
    block = model.model.layers[model.num_backbone_layers + k]
    fused = model.fuse(k, next_embeddings, hidden)
    return model.model.norm(_run_layers(model, [block], fused, positions))


def _run_layers(
    model: VitaAudioForCausalLM, layers: list[nn.Module], hidden: Tensor, positions: Tensor
) -> Tensor:
    mask = create_causal_mask(
        config=model.config,
        inputs_embeds=hidden,
        attention_mask=None,
        past_key_values=None,
        position_ids=positions,
    )
    rotation = model.model.rotary_emb(hidden, positions)
    lengths = _sample_lengths(positions)
    for layer in layers:
        hidden = layer(
            hidden,
            attention_mask=mask,
            position_ids=positions,
            position_embeddings=rotation,
            **lengths,
        )
    return hidden


def _sample_lengths(positions: Tensor) -> FlashAttentionKwargs:
    """What an attention without a mask needs; found once here, not by each layer again."""
    row = positions[0]
    begins = (row == row[0]).nonzero()[:, 0]
    borders = functional.pad(begins, (0, 1), value=row.shape[0]).to(torch.int32)
    longest = int(borders.diff().max())
    return FlashAttentionKwargs(
        cu_seq_lens_q=cast(torch.LongTensor, borders),
        cu_seq_lens_k=cast(torch.LongTensor, borders),
        max_length_q=longest,
        max_length_k=longest,
    )


def _level_losses(model: VitaAudioForCausalLM, entries: _Entries, hidden: Tensor) -> Tensor:
    if model.is_mctp_branch_detached:
        # Between the levels gradients still flow: a module also learns to feed the next one.
        entries = _Entries(entries.embeddings.detach(), entries.labels, entries.positions)
        hidden = hidden.detach()
    losses: list[Tensor] = []
    for k in range(model.num_mctp_modules):
        keep = entries.positions[0] > k
        # A token at q + 1 meets the hidden state at q.
        hidden = hidden[:, keep.roll(-1)]
        entries = entries.where(keep)
        if hidden.shape[1] > 0:
            hidden = run_module(model, k, entries.embeddings, hidden, entries.positions)
        losses.append(_cross_entropy(model.lm_head, hidden, entries.targets(k + 1)))
    return torch.stack(losses) if losses else hidden.new_zeros(0)


def _cross_entropy(
    head: nn.Module, hidden: Tensor, targets: Tensor, divisor: Tensor | int | None = None
) -> Tensor:
    """Mean over the targets that count; 0 with a gradient of 0 where none does."""
    is_counted = targets != IGNORED
    states, wanted = hidden[is_counted], targets[is_counted]
    n_targets = wanted.shape[0]
    if n_targets == 0:
        return hidden.sum() * 0.0
    parts = zip(
        states.split(_TOKENS_PER_HEAD_CALL), wanted.split(_TOKENS_PER_HEAD_CALL), strict=True
    )
    sums = [_summed_loss(head, *part, is_only=n_targets <= _TOKENS_PER_HEAD_CALL) for part in parts]
    return torch.stack(sums).sum() / (n_targets if divisor is None else divisor)


def _summed_loss(head: nn.Module, states: Tensor, wanted: Tensor, *, is_only: bool) -> Tensor:
    def run(states: Tensor) -> Tensor:
        logits = head(states)
        exact = logits if logits.dtype == torch.float64 else logits.float()
        return functional.cross_entropy(exact, wanted, reduction="sum")

    if is_only:
        return run(states)
    return cast(Tensor, checkpoint(run, states, use_reentrant=False))


def _require_packed(positions: Tensor) -> None:
    row = positions[0]
    begins = row == 0
    counts_on = torch.cat((row.new_zeros(1, dtype=torch.bool), row.diff() == 1))
    if not bool((begins | counts_on).all()):
        raise ModelError(
            "position ids of a packed row must restart at 0 with each sample and count by one "
            "within it"
        )
