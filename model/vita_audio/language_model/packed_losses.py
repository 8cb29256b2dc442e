"""Losses of backbone and MCTP modules on packed rows of samples.

Source: VITA-Audio, multiple cross-modal token prediction. Samples of a row are told apart by
position ids that restart at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers.modeling_flash_attention_utils import FlashAttentionKwargs
from transformers.utils.generic import ModelOutput

from model.errors import ModelError

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
class PackedRow:
    """Arrays of one level; each sample has lost its first k + 1 tokens.

    Attributes:
        embeddings: (1, n, hidden) of the tokens that the level reads.
        labels: (1, n) int64 of the same tokens.
        positions: (1, n) int64 of the same tokens.
    """

    embeddings: Tensor
    labels: Tensor
    positions: Tensor

    def where(self, keep: Tensor) -> PackedRow:
        """Return the entries where ``keep`` (n,) bool holds."""
        return PackedRow(self.embeddings[:, keep], self.labels[:, keep], self.positions[:, keep])

    def targets(self, first_position: int) -> Tensor:
        """Return (1, n) labels of the following tokens; none across the border of two samples."""
        following = self.labels.roll(-1, dims=1)
        begins = (self.positions == first_position).roll(-1, dims=1)
        # The first entry begins a sample, so that the last one of the row has no target either.
        return following.masked_fill(begins, IGNORED)

    def require_packed(self) -> None:
        """Raise ModelError if the position ids neither restart at 0 nor count on."""
        row = self.positions[0]
        counts_on = torch.cat((row.new_zeros(1, dtype=torch.bool), row.diff() == 1))
        if not bool(((row == 0) | counts_on).all()):
            raise ModelError(
                "position ids of a packed row must restart at 0 with each sample and count by one "
                "within it"
            )


def sample_lengths(positions: Tensor) -> FlashAttentionKwargs:
    """Return what an attention without a mask needs to tell the samples of ``positions`` (1, n)."""
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


def cross_entropy(
    head: nn.Module, hidden: Tensor, targets: Tensor, divisor: Tensor | int | None = None
) -> Tensor:
    """Return the mean loss over the targets that count; 0 with a gradient of 0 where none does.

    Args:
        hidden: (1, n, hidden) states that ``head`` scores.
        targets: (1, n) int64; IGNORED does not count.
        divisor: divides the sum instead of the number of targets.
    """
    is_counted = targets != IGNORED
    states, wanted = hidden[is_counted], targets[is_counted]
    n_targets = wanted.shape[0]
    if n_targets == 0:
        return hidden.sum() * 0.0

    def summed(states: Tensor, wanted: Tensor) -> Tensor:
        logits = head(states)
        exact = logits if logits.dtype == torch.float64 else logits.float()
        return functional.cross_entropy(exact, wanted, reduction="sum")

    pairs = zip(
        states.split(_TOKENS_PER_HEAD_CALL), wanted.split(_TOKENS_PER_HEAD_CALL), strict=True
    )
    if n_targets <= _TOKENS_PER_HEAD_CALL:
        sums = [summed(*pair) for pair in pairs]
    else:
        sums = [cast(Tensor, checkpoint(summed, *pair, use_reentrant=False)) for pair in pairs]
    return torch.stack(sums).sum() / (n_targets if divisor is None else divisor)
