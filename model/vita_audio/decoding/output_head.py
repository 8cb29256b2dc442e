"""From a state to a token: the product with the whole vocabulary, or with a part that is allowed.

Knows how to score, not how to draw; see ``sampler``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from model.vita_audio.decoding.sampler import Sampler
from model.vita_audio.language_model.tokens import TokenTable


@dataclass(frozen=True, slots=True)
class AllowedTokens:
    """Ids from ``first`` up to but without ``end``, without those ``excluded``."""

    first: int
    end: int
    excluded: tuple[int, ...] = ()


class OutputHead(Protocol):
    """Scores tokens for one state and lets a sampler draw."""

    def choose(
        self, state: Tensor, seen: Tensor, sampler: Sampler, allowed: AllowedTokens | None
    ) -> int:
        """Id of the next token.

        Args:
            state: (width,) behind the final norm.
            seen: (n,) int64 tokens that occurred, for the repetition penalty.
            allowed: None is the whole vocabulary.
        """
        ...


class FullHead:
    """Scores every row; ``weight`` (vocabulary, width) is not copied."""

    def __init__(self, weight: Tensor) -> None:
        self.weight = weight
        self._excluded: dict[AllowedTokens, Tensor] = {}

    @torch.inference_mode()
    def choose(
        self, state: Tensor, seen: Tensor, sampler: Sampler, allowed: AllowedTokens | None
    ) -> int:
        """See ``OutputHead``."""
        if allowed is None:
            return sampler.pick(sampler.penalised(self._scores(state, self.weight), seen))
        logits = self._scores(state, self.weight[allowed.first : allowed.end])
        logits = sampler.penalised(logits, places_in(seen, allowed))
        if allowed.excluded:
            logits[self._places_excluded(allowed)] = -torch.inf
        return allowed.first + sampler.pick(logits)

    def _scores(self, state: Tensor, weight: Tensor) -> Tensor:
        logits = functional.linear(state[None], weight)[0]
        # Like transformers' generate: penalties and sampling never run on 16 bits.
        return logits.float() if logits.itemsize < torch.float32.itemsize else logits

    def _places_excluded(self, allowed: AllowedTokens) -> Tensor:
        places = self._excluded.get(allowed)
        if places is None:
            relative = [token_id - allowed.first for token_id in allowed.excluded]
            places = torch.tensor(relative, device=self.weight.device)
            self._excluded[allowed] = places
        return places


def places_in(seen: Tensor, allowed: AllowedTokens) -> Tensor:
    """``seen`` ids counted from the first allowed one; others are left out."""
    inside = seen[(seen >= allowed.first) & (seen < allowed.end)]
    return inside - allowed.first


def inside_audio(table: TokenTable) -> AllowedTokens:
    """What may follow inside an open audio segment: a code, or the segment's end.

    The training data holds nothing else there; forbidding the rest is a deviation from upstream,
    which lets the model break its rhythm.
    """
    end = table.first_code + table.n_codes
    first = min(table.end_of_audio, table.first_code)
    end = max(end, table.end_of_audio + 1)
    others = tuple(
        token_id
        for token_id in range(first, end)
        if not table.is_code(token_id) and token_id != table.end_of_audio
    )
    return AllowedTokens(first, end, others)
